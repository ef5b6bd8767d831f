"""Reading outcomes of signals that are known: each from the month of its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS

from signals_app.outcomes.judging import DIRECTIONS, HORIZONS
from signals_app.outcomes.models import Outcome, OutcomeState, OutcomeWork
from signals_app.rows import moment_text, price_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from signals_app.models import Signal


def outcomes_of(
    signals: Sequence[Signal], *, using: str = DEFAULT_DB_ALIAS
) -> dict[UUID, Outcome]:
    """Return the outcomes of signals by their id, as far as there are any."""
    if not signals:
        return {}
    moments = [signal.timestamp for signal in signals]
    found = Outcome.objects.using(using).filter(
        id__in=[signal.pk for signal in signals],
        # Bounds beside the ids: they tell the planner the months.
        timestamp__gte=min(moments),
        timestamp__lte=max(moments),
    )
    return {outcome.pk: outcome for outcome in found}


def outcome_of(signal: Signal) -> Outcome | None:
    """Return the outcome of one signal."""
    return outcomes_of([signal]).get(signal.pk)


def waiting_reason(signal: Signal) -> str:
    """Return why the candles of an open outcome could not be had when last tried."""
    work = OutcomeWork.objects.filter(pk=signal.pk).values_list("reason", flat=True)
    return work.first() or ""


def outcome_shape(signal: Signal, outcome: Outcome | None) -> dict[str, Any] | None:
    """Return an outcome as the API gives it; None for a signal without direction.

    ``horizons`` has an object for 1, 4 and 24 candles: price, move, best, worst (percent
    in the direction of the signal) and missing; null while it is not known.
    """
    if signal.signal_type not in DIRECTIONS:
        return None
    if outcome is None:
        blank = {str(horizon): None for horizon in HORIZONS}
        return {"state": "open", "reason": "", "updated_at": None, "horizons": blank}
    return {
        "state": outcome.state,
        "reason": outcome.reason,
        "updated_at": moment_text(outcome.updated_at),
        "horizons": {str(h): horizon_shape(outcome, h) for h in HORIZONS},
    }


def horizon_shape(outcome: Outcome, horizon: int) -> dict[str, Any] | None:
    """Return one horizon of an outcome, None while it is not known."""
    missing = getattr(outcome, f"missing_{horizon}")
    if missing is None:
        return None
    price = getattr(outcome, f"price_{horizon}")
    moves = ("move", "best", "worst")
    return {
        "price": None if price is None else price_text(price),
        **{name: getattr(outcome, f"{name}_{horizon}") for name in moves},
        "missing": missing,
    }


def is_waiting(outcome: Outcome | None) -> bool:
    """Tell whether candles of an outcome are still to come."""
    return outcome is None or outcome.state == OutcomeState.OPEN

"""How outcomes are shown: signs, tones, sentences for codes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from btc_watcher.lib.timeframes import candle_seconds
from signals_app.outcomes.judging import DIRECTIONS, HORIZONS
from signals_app.outcomes.models import OutcomeState
from signals_app.outcomes.reading import horizon_shape, is_waiting

if TYPE_CHECKING:
    from datetime import datetime

    from signals_app.models import Signal
    from signals_app.outcomes.models import Outcome
    from signals_app.outcomes.statistics import Horizon

MINUS: Final = "\N{MINUS SIGN}"
# Half: as good as a coin.
EVEN: Final = 0.5
# Why candles could not be had.
REASONS: Final = {
    "reach": gettext_lazy("its candles are older than those that the bot still holds"),
    "late": gettext_lazy("the bot answers, but lacks candles that have closed"),
    "nobody": gettext_lazy("no strategy watches this pair in fitting candles"),
    "unknown": gettext_lazy("the strategy is gone"),
    "stopped": gettext_lazy("the bot that watches this pair is stopped"),
    "starting": gettext_lazy("the bot is starting"),
    "error": gettext_lazy("the bot has failed"),
    "silent": gettext_lazy("the bot does not answer"),
    "empty": gettext_lazy("the bot has analysed nothing yet"),
}


@dataclass(frozen=True, slots=True)
class Move:
    """A move in percent as it is written; ``tone`` is rise (a gain), fall or ""."""

    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class LookShown:
    """One horizon of a signal: ``closes`` is about when its candle closes.

    ``state`` is known, gap (that candle is missing), waiting or unknown.
    """

    horizon: int
    closes: datetime | None
    state: str
    price: str = ""
    move: Move | None = None
    best: Move | None = None
    worst: Move | None = None
    gap: str = ""


@dataclass(frozen=True, slots=True)
class RateShown:
    """A hit rate as it is written, with the places of its interval from 0 to 100."""

    count: int
    rate: str
    between: str
    tone: str
    at: float
    low: float
    wide: float
    mean: Move
    median: Move


def move_shown(value: float | None) -> Move | None:
    """Return a move as it is written, None for none."""
    if value is None:
        return None
    rounded = round(value, 2)
    if not rounded:
        return Move("0.00\N{NO-BREAK SPACE}%", "")
    sign, tone = ("+", "rise") if rounded > 0 else (MINUS, "fall")
    return Move(f"{sign}{abs(rounded):,.2f}\N{NO-BREAK SPACE}%", tone)


def looks_shown(signal: Signal, outcome: Outcome | None) -> list[LookShown]:
    """Return the horizons of a signal; none for one without direction."""
    if signal.signal_type not in DIRECTIONS:
        return []
    return [_look(signal, outcome, horizon) for horizon in HORIZONS]


def latest_shown(outcome: Outcome | None) -> tuple[Move, int] | None:
    """Return the move of the longest horizon that is known, and that horizon."""
    if outcome is None:
        return None
    for horizon in reversed(HORIZONS):
        move = move_shown(getattr(outcome, f"move_{horizon}"))
        if move is not None:
            return move, horizon
    return None


def outcome_words(signal: Signal, outcome: Outcome | None, waiting: str) -> str:
    """Return what is to be said of an outcome as a whole; ``waiting`` is a reason."""
    if signal.signal_type not in DIRECTIONS:
        return _(
            "Entry and exit contradict each other: there is no direction to judge."
        )
    if is_waiting(outcome):
        if waiting not in REASONS:
            return _("It is filled in as candles close.")
        return _("It waits for candles: %(reason)s.") % {"reason": REASONS[waiting]}
    if outcome is not None and outcome.state == OutcomeState.UNKNOWN:
        reason = REASONS.get(outcome.reason, REASONS["silent"])
        return _("The rest will not be known: %(reason)s.") % {"reason": reason}
    return ""


def rate_shown(horizon: Horizon) -> RateShown | None:
    """Return a hit rate as it is written, None without any signal."""
    if horizon.rate is None or horizon.low is None or horizon.high is None:
        return None
    tone = "rise" if horizon.low > EVEN else "fall" if horizon.high < EVEN else ""
    return RateShown(
        count=horizon.count,
        rate=f"{horizon.rate * 100:.0f}\N{NO-BREAK SPACE}%",
        between=f"{horizon.low * 100:.0f}\N{EN DASH}{horizon.high * 100:.0f}"
        "\N{NO-BREAK SPACE}%",
        tone=tone,
        at=round(horizon.rate * 100, 1),
        low=round(horizon.low * 100, 1),
        wide=round((horizon.high - horizon.low) * 100, 1),
        mean=move_shown(horizon.mean or 0.0) or Move("", ""),
        median=move_shown(horizon.median or 0.0) or Move("", ""),
    )


def candles_words(count: int) -> str:
    """Return “after n candles”."""
    words = ngettext("after %(count)d candle", "after %(count)d candles", count)
    return words % {"count": count}


def _look(signal: Signal, outcome: Outcome | None, horizon: int) -> LookShown:
    closes = _closes(signal, horizon)
    shape = horizon_shape(outcome, horizon) if outcome is not None else None
    if shape is None:
        state = "waiting" if is_waiting(outcome) else "unknown"
        return LookShown(horizon, closes, state)
    missing = shape["missing"]
    gap = ngettext("%(count)d candle missing", "%(count)d candles missing", missing)
    return LookShown(
        horizon,
        closes,
        "gap" if shape["price"] is None else "known",
        price=shape["price"] or "",
        move=move_shown(shape["move"]),
        best=move_shown(shape["best"]),
        worst=move_shown(shape["worst"]),
        gap=gap % {"count": missing} if missing else "",
    )


def _closes(signal: Signal, horizon: int) -> datetime | None:
    seconds = candle_seconds(signal.timeframe)
    # Months differ in length, and nobody needs the day.
    if seconds is None or signal.timeframe.endswith("M"):
        return None
    return signal.timestamp + timedelta(seconds=seconds * horizon)

"""From what others post to candidates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from signals_app.candidates import Candidate
from signals_app.serializers import SignalInSerializer
from signals_app.strategy_rules import strength_rule_of, thresholds_of
from strategies.selectors import strategies_by_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from strategies.models import Strategy


@dataclass(frozen=True, slots=True)
class Posted:
    """A posted signal that could be read, or the sentence that says why not."""

    candidate: Candidate | None
    problem: str = ""


def posted_candidates(rows: Sequence[Any]) -> list[Posted]:
    """Read posted rows; a bad one spoils only itself.

    A strategy is known by its name; a name without a strategy of ours is taken
    as it is, with the default thresholds.
    """
    read = [SignalInSerializer(data=row) for row in rows]
    names = {
        serializer.validated_data["strategy"]
        for serializer in read
        if serializer.is_valid()
    }
    strategies = strategies_by_name(names)
    return [
        Posted(_candidate(serializer.validated_data, strategies))
        if not serializer.errors
        else Posted(None, _sentence(serializer.errors))
        for serializer in read
    ]


def _candidate(
    values: Mapping[str, Any], strategies: Mapping[str, Strategy]
) -> Candidate:
    strategy = strategies.get(values["strategy"])
    strength = values.get("strength")
    rule = strength_rule_of(strategy)
    return Candidate(
        strategy_id=strategy.pk if strategy else None,
        strategy_name=values["strategy"],
        strategy_version=values.get("version")
        or (strategy.version if strategy else None),
        exchange=values["exchange"],
        pair=values["pair"],
        timeframe=values["timeframe"],
        mark=values["type"],
        signal_type=values["type"],
        timestamp=_whole_milliseconds(values["timestamp"]),
        price=values["price"],
        strength=rule.default if strength is None else strength,
        strength_source="default" if strength is None else "posted",
        source="api",
        thresholds=thresholds_of(strategy),
        tag=values.get("tag") or None,
        indicators=values.get("indicators", {}),
        notify_every=strategy.config.get("notify_every") if strategy else None,
    )


def _whole_milliseconds(moment: datetime) -> datetime:
    # The id holds milliseconds, and must tell the timestamp exactly.
    return moment - timedelta(microseconds=moment.microsecond % 1000)


def _sentence(errors: Mapping[str, Any]) -> str:
    return " ".join(
        f"{field}: {' '.join(map(str, messages))}" for field, messages in errors.items()
    )

"""The statements of the statistics: from rows, and from the sums of days."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from btc_watcher.lib.statements import rows_of
from signals_app.outcomes.judging import HORIZONS

if TYPE_CHECKING:
    from datetime import date

    from signals_app.outcomes.statistics import StatisticsFilter

_OF_DAYS: Final = ", ".join(
    f"sum(count_{n}), sum(right_{n}), sum(sum_{n}), sum(spread_{n})" for n in HORIZONS
)
_OF_ROWS: Final = ", ".join(
    f"count(move_{n}), count(*) FILTER (WHERE move_{n} > 0), coalesce(sum(move_{n}), 0),"
    f" percentile_cont(0.5) WITHIN GROUP (ORDER BY move_{n})"
    for n in HORIZONS
)
_ID: Final = "coalesce(strategy_id, 0)"
_NAME: Final = "CASE WHEN strategy_id > 0 THEN '' ELSE strategy_name END"
# Each row is the sum of one strategy, or (the first column 1) of all.
_GROUPED: Final = (
    f"SELECT GROUPING({_ID}), {_ID}, {_NAME}, {{key}}, {{sums}} FROM {{table}}"  # noqa: S608 - names are ours
    f" WHERE {{wanted}} GROUP BY GROUPING SETS (({_ID}, {_NAME}, {{key}}), ({{key}}))"
)
HOW_MANY: Final = "SELECT coalesce(sum(signals), 0) FROM outcome_days WHERE {wanted}"
FROM_DAYS: Final = _GROUPED.replace(
    "{sums}", f"sum(signals), sum(unknown), {_OF_DAYS}"
).replace("{table}", "outcome_days")
FROM_ROWS: Final = _GROUPED.replace(
    "{sums}", f"count(*), count(*) FILTER (WHERE state = 'unknown'), {_OF_ROWS}"
).replace("{table}", "signal_outcomes")
KEYS: Final = {"level": "strength_level", "direction": "signal_type", "pair": "pair"}
_DAYS: Final = "day >= %(since)s AND day < %(until)s"
_TIME: Final = "timestamp >= %(begin)s AND timestamp < %(end)s"


def narrowed(
    question: str,
    wanted: StatisticsFilter,
    by: str,
    strategies: list[int] | None,
    alias: str,
) -> list[tuple[Any, ...]]:
    """Ask one of the questions above of what ``wanted`` says; ``strategies`` are its."""
    of_rows = question == FROM_ROWS
    conditions = [_TIME if of_rows else _DAYS, *_conditions(wanted, strategies)]
    text = question.replace("{key}", KEYS[by]).replace(
        "{wanted}", " AND ".join(conditions)
    )
    parameters = {
        "since": wanted.since,
        "until": wanted.until,
        "begin": _midnight(wanted.since),
        "end": _midnight(wanted.until),
        "ids": strategies,
        "name": wanted.strategy,
        "level": wanted.level,
        "direction": wanted.direction,
        "exit": wanted.kind == "exit",
    }
    # Every part of the text is one of ours; what people wrote travels beside it.
    return rows_of(text, parameters, using=alias)


def _conditions(wanted: StatisticsFilter, strategies: list[int] | None) -> list[str]:
    conditions = []
    if strategies is not None:
        conditions.append(
            "(strategy_id = ANY(%(ids)s::int[])"
            " OR (coalesce(strategy_id, 0) = 0 AND strategy_name = %(name)s))"
        )
    if wanted.level:
        conditions.append("strength_level = %(level)s")
    if wanted.direction:
        conditions.append("signal_type = %(direction)s")
    if wanted.kind:
        conditions.append("is_exit = %(exit)s")
    return conditions


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)

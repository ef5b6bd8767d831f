"""Writes what a round found: one statement for strategies, one for processes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from btc_watcher.lib.statements import rows_of
from freqtrade_mgmt.health.score import UNRATED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import LiteralString

    from freqtrade_mgmt.health.score import Rating
    from freqtrade_mgmt.health.shapes import Facts, Subject

BUCKET_SECONDS: Final = 300
# Merged key by key on the newest version of each row, so that other writers' keys
# (last_candles, reason, trial) are never put back.
STRATEGIES: Final = """
UPDATE strategies AS s
   SET health_metrics = coalesce(s.health_metrics, '{}') || jsonb_build_object(
           'health', r.health, 'alarms', r.alarms),
       performance_metrics = CASE WHEN r.point IS NULL THEN s.performance_metrics
           ELSE coalesce(s.performance_metrics, '{}') || jsonb_build_object(
               'health_history', (
               SELECT jsonb_agg(kept.point ORDER BY kept.place)
                 FROM (SELECT point, place
                         FROM jsonb_array_elements(coalesce(
                              s.performance_metrics -> 'health_history', '[]')
                              || jsonb_build_array(r.point))
                              WITH ORDINALITY AS listed (point, place)
                        ORDER BY place DESC LIMIT 288) AS kept))
           END
  FROM json_to_recordset(%s::json) AS r (id int, health jsonb, alarms jsonb, point jsonb)
 WHERE s.id = r.id
RETURNING s.id
"""
PROCESSES: Final = """
UPDATE strategy_processes AS p
   SET resource_usage = coalesce(p.resource_usage, '{}') || r.usage
  FROM json_to_recordset(%s::json) AS r (id int, usage jsonb)
 WHERE p.id = r.id AND p.stop_time IS NULL
RETURNING p.id
"""


def strategy_row(
    subject: Subject,
    facts: Facts | None,
    rating: Rating,
    alarms: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """Return the values of one row. Pure.

    The lowest score of five minutes is kept beside the health; when the minutes are
    over it becomes a point of the history.
    """
    bucket = int(now.timestamp()) // BUCKET_SECONDS * BUCKET_SECONDS
    before = subject.lowest
    point, lowest = None, None
    if before is not None and before["at"] != bucket:
        point = [before["at"], before["score"]]
        before = None
    if rating.level != UNRATED.level:
        score = rating.score if before is None else min(rating.score, before["score"])
        lowest = {"at": bucket, "score": score}
    health = _health(subject, facts, rating, now) | {
        "lowest": lowest,
        "wanted_since": (
            subject.wanted_since.isoformat()
            if subject.wanted and subject.wanted_since
            else None
        ),
    }
    return {"id": subject.strategy_id, "health": health} | {
        "alarms": alarms,
        "point": point,
    }


def _health(
    subject: Subject, facts: Facts | None, rating: Rating, now: datetime
) -> dict[str, Any]:
    reasons = [asdict(reason) for reason in rating.reasons]
    common = {
        "score": rating.score,
        "level": rating.level,
        "reasons": reasons,
        "checked_at": now.isoformat(),
    }
    if facts is None:
        return common | NOTHING
    return common | {
        "uptime_s": round(facts.uptime_s),
        "bot_state": facts.bot_state,
        "last_process_age_s": _rounded(facts.last_process_age_s),
        "pairs": facts.pairs,
        "newest_candle": _newest_candle(subject),
        "signals_24h": facts.signals_24h,
        "usual_24h": facts.usual_24h,
        "errors": facts.log.errors + facts.log.strategy_errors,
        "cpu_percent": round(facts.cpu_percent, 1),
        "rss_mb": round(facts.usage.rss_mb, 1) if facts.usage else 0.0,
        "freqtrade_version": facts.freqtrade_version,
    }


# The health of a strategy that nobody wants: the same keys, so that pages need not ask.
NOTHING: Final[dict[str, Any]] = {
    "uptime_s": 0,
    "bot_state": "",
    "last_process_age_s": None,
    "pairs": {},
    "newest_candle": None,
    "signals_24h": 0,
    "usual_24h": None,
    "errors": 0,
    "cpu_percent": 0.0,
    "rss_mb": 0.0,
    "freqtrade_version": "",
}


def _newest_candle(subject: Subject) -> str | None:
    """Return the close of the newest analysed candle of its pairs."""
    opened = [
        subject.last_candles[pair]
        for pair in subject.pairs
        if pair in subject.last_candles
    ]
    if not opened or subject.candle_s is None:
        return None
    return datetime.fromtimestamp(
        max(opened) / 1000 + subject.candle_s, UTC
    ).isoformat()


def _rounded(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def process_row(subject: Subject, facts: Facts, now: datetime) -> dict[str, Any] | None:
    """Return what a living process used, for its row; None when it was not seen. Pure.

    ``last_heartbeat`` is the supervisor's alone: whoever else moved it would hide that
    the supervisor is silent.
    """
    if subject.process is None or facts.usage is None:
        return None
    usage = {
        "seen_at": round(now.timestamp(), 2),
        "cpu_s": round(facts.usage.cpu_s, 2),
        "cpu_percent": round(facts.cpu_percent, 1),
    }
    # The share of a shared process is its supervisor's to reckon.
    if not subject.process.runner:
        usage["rss_mb"] = round(facts.usage.rss_mb, 1)
    return {"id": subject.process.row, "usage": usage}


def strategies_write(rows: Sequence[Mapping[str, Any]]) -> int:
    """Write the rows of strategies; return how many there were to be written."""
    return _write(STRATEGIES, rows)


def processes_write(rows: Sequence[Mapping[str, Any]]) -> int:
    """Write the rows of processes; return how many were still open."""
    return _write(PROCESSES, rows)


def _write(statement: LiteralString, rows: Sequence[Mapping[str, Any]]) -> int:
    if not rows:
        return 0
    return len(rows_of(statement, [orjson.dumps(rows, default=dict).decode()]))

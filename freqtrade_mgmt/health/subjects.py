"""The strategies of a round, from one statement."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from btc_watcher.lib.statements import rows_of
from btc_watcher.lib.timeframes import candle_seconds
from freqtrade_mgmt.health.shapes import ProcessRow, Subject

# Rounds come every 30 s; after a longer pause nobody watched.
GAP: Final = timedelta(minutes=5)
# Those that are wanted or given up, and those that were rated when last looked at. Their
# proxy is the one that they go through now, or wait for.
SUBJECTS: Final = """
WITH shared AS (
       SELECT resource_usage ->> 'runner' AS runner,
              coalesce(resource_usage ->> 'node', '') AS node, count(*) AS heads
         FROM strategy_processes
        WHERE stop_time IS NULL AND resource_usage ->> 'runner' <> ''
        GROUP BY 1, 2)
SELECT s.id, s.name, s.status, s.created_at,
       s.config ->> 'exchange', s.config -> 'pairs', s.config ->> 'timeframe',
       w.proxy, x.name, x.enabled AND x.status = 'unhealthy',
       s.health_metrics ->> 'reason', s.health_metrics -> 'last_candles',
       s.health_metrics -> 'alarms',
       s.health_metrics #>> '{health,level}', s.health_metrics #>> '{health,checked_at}',
       s.health_metrics #>> '{health,wanted_since}',
       s.health_metrics #> '{health,lowest}',
       p.id, p.pid, p.start_time, p.last_heartbeat, p.resource_usage,
       coalesce(h.heads, 1)
  FROM strategies s
  LEFT JOIN LATERAL (
       SELECT CASE WHEN s.health_metrics #>> '{route,allowed}' = 'true'
                    AND s.health_metrics #>> '{route,wanted}'
                        = s.freqtrade_config ->> 'proxy'
                   THEN s.health_metrics #>> '{route,proxy}'
                   ELSE s.freqtrade_config ->> 'proxy' END AS proxy) w ON true
  LEFT JOIN proxies x ON x.id::text = w.proxy
  LEFT JOIN LATERAL (
       SELECT id, pid, start_time, last_heartbeat, resource_usage
         FROM strategy_processes
        WHERE strategy_id = s.id AND stop_time IS NULL
        ORDER BY id DESC LIMIT 1) p ON true
  LEFT JOIN shared h ON h.runner = p.resource_usage ->> 'runner'
        AND h.node = coalesce(p.resource_usage ->> 'node', '')
 WHERE NOT s.is_draft
   AND (s.status IN ('starting', 'running', 'error')
        OR coalesce(s.health_metrics #>> '{health,level}', 'none') <> 'none')
 ORDER BY s.id
"""


def subjects_read(now: datetime) -> list[Subject]:
    """Return the strategies to look at; raises Django's database errors."""
    return [_subject(row, now) for row in rows_of(SUBJECTS, [])]


def _subject(row: tuple[Any, ...], now: datetime) -> Subject:
    strategy_id, name, status, created, exchange, pairs, timeframe = row[:7]
    proxy, proxy_name, proxy_out, reason, candles, alarms = row[7:13]
    level, checked, since, lowest = row[13:17]
    known_alarms = _object(alarms)
    return Subject(
        strategy_id=strategy_id,
        name=name,
        status=status,
        exchange=exchange or "?",
        pairs=_pairs(pairs),
        candle_s=candle_seconds(timeframe or ""),
        created_at=created,
        proxy=proxy or "",
        proxy_name=proxy_name or proxy or "",
        proxy_out=proxy_out is True,
        reason=reason or "",
        last_candles=_stamps(candles),
        wanted_since=_wanted_since(level, _moment(checked), _moment(since), now),
        no_process_since=_moment(_object(known_alarms.get("not_started")).get("since")),
        lowest=_object(lowest) or None,
        alarms=known_alarms,
        process=_process(row[17:]),
    )


def _process(row: tuple[Any, ...]) -> ProcessRow | None:
    number, pid, started, heartbeat, usage, heads = row
    if number is None:
        return None
    known = _object(usage)
    return ProcessRow(
        row=number,
        pid=pid,
        create_time=_number(known.get("create_time")),
        start_time=started,
        last_heartbeat=heartbeat or started,
        freqtrade_version=str(known.get("freqtrade_version") or ""),
        origin=str(known.get("origin") or ""),
        cpu_s=_number(known.get("cpu_s")),
        seen_at=_number(known.get("seen_at")),
        node=str(known.get("node") or ""),
        reach=str(known.get("reach") or ""),
        runner=str(known.get("runner") or ""),
        heads=heads,
        share_mb=_number(known.get("rss_mb")),
    )


def _wanted_since(
    level: str | None, checked: datetime | None, since: datetime | None, now: datetime
) -> datetime:
    """Return since when it has been watched: a pause of the rounds begins anew."""
    seen = level not in (None, "none") and checked is not None and now - checked < GAP
    return since if seen and since is not None else now


def _pairs(value: object) -> tuple[str, ...]:
    pairs = _loaded(value)
    return tuple(map(str, pairs)) if isinstance(pairs, list) else ()


def _stamps(value: object) -> dict[str, int]:
    return {
        pair: int(stamp)
        for pair, stamp in _object(value).items()
        if isinstance(stamp, int | float)
    }


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _object(value: object) -> dict[str, Any]:
    loaded = _loaded(value)
    return loaded if isinstance(loaded, dict) else {}


def _loaded(value: object) -> Any:
    # Django's connections hand jsonb out as text.
    return orjson.loads(value) if isinstance(value, str | bytes) else value

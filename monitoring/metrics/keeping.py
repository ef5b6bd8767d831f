"""Single measurements become hourly means, and go when they are old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.locking import lock_taken
from btc_watcher.lib.locks import METRICS_MEANS
from btc_watcher.lib.statements import rows_of

# So much is averaged, and so many rows are removed, in one transaction.
STRIDE: Final = timedelta(hours=24)
BATCH: Final = 20_000
# Looked for where the single rows still are. An hour to come was written while the clock
# was ahead; if it counted, nothing would be averaged until it comes.
NEWEST: Final = """
SELECT max(hour) FROM system_metric_hours WHERE hour >= %(since)s AND hour < %(until)s
"""
OLDEST: Final = "SELECT min(timestamp) FROM system_metrics"
AVERAGE: Final = """
INSERT INTO system_metric_hours AS h
       (hour, component, metric_type, name, host, unit, mean, low, high, samples)
SELECT date_trunc('hour', timestamp, 'UTC'), component, metric_type,
       coalesce(metadata ->> 'name', ''), coalesce(metadata ->> 'host', ''),
       min(unit), avg(value), min(value), max(value), count(*)
  FROM system_metrics
 WHERE timestamp >= %(since)s AND timestamp < %(until)s
 GROUP BY 1, 2, 3, 4, 5
 ORDER BY 1
ON CONFLICT (component, metric_type, name, host, hour) DO UPDATE
   SET mean = excluded.mean, low = excluded.low, high = excluded.high,
       samples = excluded.samples, unit = excluded.unit
 WHERE excluded.samples >= h.samples
RETURNING 1
"""
DROP: Final = """
DELETE FROM system_metrics WHERE id = ANY (ARRAY(
       SELECT id FROM system_metrics WHERE timestamp < %(before)s
        ORDER BY timestamp LIMIT %(batch)s))
RETURNING 1
"""


def metrics_average(now: datetime) -> dict[str, int]:
    """Average the hours that are full, and drop what is older than METRICS_DAYS.

    Returns how many means were written and how many rows dropped. The last hour that
    was averaged is averaged again, in case it was not full then; a mean of more samples
    stays. Nothing goes that was not averaged. Raises ConfigurationError for a METRICS_DAYS below 1.
    """
    days: int = settings.METRICS_DAYS
    if days < 1:
        raise ConfigurationError(
            f"BTCW_METRICS_DAYS is {days}; keep single measurements for 1 day at least."
        )
    until = hour_of(now)
    written = 0
    since = _since(until)
    while since is not None and since < until:
        end = min(since + STRIDE, until)
        with transaction.atomic():
            if not lock_taken(METRICS_MEANS):
                return {"written": written, "dropped": 0}
            written += len(rows_of(AVERAGE, {"since": since, "until": end}))
        since = end
    return {
        "written": written,
        "dropped": _drop(min(until, hour_of(now - timedelta(days=days)))),
    }


def hour_of(moment: datetime) -> datetime:
    """Return the full hour before a moment. Pure."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def averaged_until(now: datetime, *, using: str = DEFAULT_DB_ALIAS) -> datetime | None:
    """Return the end of the last averaged hour, None when no single row is averaged."""
    kept = timedelta(days=max(1, settings.METRICS_DAYS) + 1)
    bounds = {"since": now - kept, "until": hour_of(now)}
    newest = rows_of(NEWEST, bounds, using=using)[0][0]
    return newest + timedelta(hours=1) if newest is not None else None


def _since(until: datetime) -> datetime | None:
    end = averaged_until(until)
    if end is not None:
        return end - timedelta(hours=1)
    oldest = rows_of(OLDEST, [])[0][0]
    return hour_of(oldest) if oldest is not None else None


def _drop(before: datetime) -> int:
    dropped = 0
    while True:
        gone = len(rows_of(DROP, {"before": before, "batch": BATCH}))
        dropped += gone
        if gone < BATCH:
            return dropped

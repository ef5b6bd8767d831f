"""Reading measurements: the newest of each series, and series of a period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from btc_watcher.lib import replica
from btc_watcher.lib.statements import rows_of
from monitoring.metrics.keeping import averaged_until
from monitoring.metrics.shapes import Measurement

if TYPE_CHECKING:
    from datetime import datetime

# A series that was not measured for so long is over.
FRESH: Final = timedelta(minutes=2)
NEWEST: Final = """
SELECT DISTINCT ON (component, metric_type, metadata ->> 'name', metadata ->> 'host')
       component, metric_type, coalesce(metadata ->> 'name', ''), value::float8, unit,
       coalesce(metadata ->> 'host', ''), (metadata ->> 'processes')::integer
  FROM system_metrics
 WHERE timestamp > %(since)s AND timestamp <= %(until)s
 ORDER BY component, metric_type, metadata ->> 'name', metadata ->> 'host',
          timestamp DESC
"""
SINGLE: Final = """
SELECT component, metric_type, coalesce(metadata ->> 'name', ''),
       coalesce(metadata ->> 'host', ''),
       (floor(extract(epoch FROM timestamp) / %(width)s) * %(width)s)::bigint AS at,
       avg(value)::float8
  FROM system_metrics
 WHERE timestamp >= %(since)s AND timestamp < %(until)s
 GROUP BY 1, 2, 3, 4, 5
"""
# Means of whole hours, and the single rows of those that are not averaged yet.
HOURLY: Final = """
SELECT component, metric_type, name, host,
       (floor(extract(epoch FROM hour) / %(width)s) * %(width)s)::bigint AS at,
       (sum(mean * samples) / sum(samples))::float8
  FROM (SELECT component, metric_type, name, host, hour, mean, samples
          FROM system_metric_hours
         WHERE hour >= %(since)s AND hour < %(border)s
         UNION ALL
        SELECT component, metric_type, coalesce(metadata ->> 'name', ''),
               coalesce(metadata ->> 'host', ''), timestamp, value, 1
          FROM system_metrics
         WHERE timestamp >= %(border)s AND timestamp < %(until)s) AS found
 GROUP BY 1, 2, 3, 4, 5
"""


@dataclass(frozen=True, slots=True)
class Series:
    """A series: component, type, name and host."""

    component: str
    metric_type: str
    name: str
    host: str


Points = dict[Series, dict[int, float]]


def newest(now: datetime) -> list[Measurement]:
    """Return the newest value of every series that is still measured."""
    rows = rows_of(NEWEST, {"since": now - FRESH, "until": now + timedelta(seconds=5)})
    return [Measurement(*row) for row in rows]


def series_read(
    since: datetime, until: datetime, width: int, *, hourly: bool
) -> Points:
    """Return the mean of every series in spans of ``width`` seconds, by span's start.

    ``hourly`` reads the hourly means, which are few even for a year.
    """
    return replica.read(
        lambda alias: _series(since, until, width, alias, hourly=hourly)
    )


def _series(
    since: datetime, until: datetime, width: int, alias: str, *, hourly: bool
) -> Points:
    parameters = {"since": since, "until": until, "width": width}
    if hourly:
        # What is older than the first mean was measured before there were any.
        border = min(averaged_until(until, using=alias) or since, until)
        rows = rows_of(HOURLY, parameters | {"border": max(border, since)}, using=alias)
    else:
        rows = rows_of(SINGLE, parameters, using=alias)
    found: Points = {}
    for component, kind, name, host, at, value in rows:
        found.setdefault(Series(component, kind, name, host), {})[int(at)] = value
    return found

"""Claims of notifications in a history of two years, by number alone and with its time.

Beside both, in the same run: a bare UPDATE of one row by its whole key.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from django.utils import timezone

from btc_watcher.lib.partitions import NOTIFICATIONS, month_start, months_ensure
from btc_watcher.lib.statements import rows_of
from notifications.history import notification_by_id
from notifications.services import channel_create, notification_claim
from notifications.written import Written
from tests.benchmarks.output import median, percentile, quick, report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notifications.models import NotificationChannel

MONTHS: Final = 24
FILL: Final = """
INSERT INTO notification_history (channel_id, channel_type, message_type, content, status,
    sent_at, metadata)
SELECT %(channel)s, 'email', 'signal', repeat('x', 300), 'sent',
       %(since)s::timestamptz + n * %(step)s::interval,
       '{"priority": "P2", "title": "x", "attempts": [{"outcome": "sent"}]}'
FROM generate_series(1, %(rows)s) AS n
"""
WAITING: Final = """
INSERT INTO notification_history (channel_id, channel_type, message_type, content, status,
    sent_at, metadata)
SELECT %(channel)s, 'email', 'signal', 'x', 'pending', %(now)s,
       '{"priority": "P2", "title": "x", "context": {}}'
FROM generate_series(1, %(rows)s) AS n
RETURNING id
"""
BARE: Final = """
UPDATE notification_history SET retry_count = retry_count + 1
WHERE id = %(id)s AND sent_at = %(at)s AND status = 'pending' RETURNING id
"""


def fill(channel: NotificationChannel, rows: int) -> None:
    """Store ``rows`` delivered notifications, spread evenly over the months."""
    now = timezone.now()
    months = [month_start(now, -back) for back in range(MONTHS + 1)]
    months_ensure(NOTIFICATIONS, months)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for month in months:
            parameters: dict[str, Any] = {
                "channel": channel.id,
                "since": datetime(month.year, month.month, 1, tzinfo=UTC),
                "rows": rows // len(months),
                "step": f"{20 * 86400 * len(months) / rows} seconds",
            }
            cursor.execute(FILL, parameters)
        cursor.execute("VACUUM ANALYZE notification_history")


def waiting(channel: NotificationChannel, rows: int, now: datetime) -> list[int]:
    """Store notifications that wait; return their ids."""
    parameters = {"channel": channel.id, "now": now, "rows": rows}
    return [number for (number,) in rows_of(WAITING, parameters)]


def timed(action: Callable[[int], object], ids: Sequence[int]) -> list[float]:
    """Return the seconds of each call."""
    seconds = []
    for number in ids:
        started = time.perf_counter()
        assert action(number)
        seconds.append(time.perf_counter() - started)
    return seconds


def main() -> None:
    """Fill, claim in turn, print."""
    channel = channel_create(
        name="bench",
        type="email",
        config={"host": "127.0.0.1", "port": 9, "from": "a@b.cc", "to": ["d@e.ff"]},
    )
    rows = 200_000 if quick() else 1_000_000
    fill(channel, rows)
    ways: dict[str, list[float]] = {}
    for _ in range(10 if quick() else 30):
        now = timezone.now()
        written = Written(now, now)
        actions: dict[str, Callable[[int], object]] = {
            "bare": lambda number, at=now: rows_of(BARE, {"id": number, "at": at}),  # type: ignore[misc]
            "by_number": lambda number, at=now: notification_claim(  # type: ignore[misc]
                notification_id=number, now=at
            ),
            "with_time": lambda number, at=now, span=written: notification_claim(  # type: ignore[misc]
                notification_id=number, now=at, written=span
            ),
            "page": notification_by_id,
        }
        for name, action in actions.items():
            ids = waiting(channel, 20, now)
            ways[name] = ways.get(name, []) + timed(action, ids)
    report(
        "claims",
        history=rows,
        months=MONTHS + 5,
        **{f"{name}_ms_median": median(each) * 1000 for name, each in ways.items()},
        **{
            f"{name}_ms_p95": percentile(each, 0.95) * 1000
            for name, each in ways.items()
        },
        times_as_fast=median(ways["by_number"]) / median(ways["with_time"]),
    )

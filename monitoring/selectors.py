"""Reading what health and upkeep need. Every query is cheap and bounded."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db import connection
from django.db.models import Max

from btc_watcher.lib.partitions import TABLES, has_strays
from strategies.selectors import processes_open, strategies_wanted

if TYPE_CHECKING:
    from datetime import datetime

# Three heartbeats of the supervisor.
HEARTBEAT_AGE: Final = timedelta(seconds=90)
# A notification that is due waits for seconds when a worker lives.
OUTBOX_AGE: Final = timedelta(minutes=5)


def supervisor_word(now: datetime) -> str:
    """Return ok, stale (its heartbeat stopped) or absent, or idle (nothing is wanted)."""
    newest = processes_open().aggregate(newest=Max("last_heartbeat"))["newest"]
    if newest is not None and newest > now - HEARTBEAT_AGE:
        return "ok"
    if not strategies_wanted().exists():
        return "idle"
    return "absent" if newest is None else "stale"


def outbox_is_late(now: datetime) -> bool:
    """Tell whether a notification has been due for longer than OUTBOX_AGE."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM notification_history"
            " WHERE status IN ('pending', 'retry') AND sent_at < %(limit)s"
            " AND NOT metadata ? 'collapsed_into'"
            " AND coalesce((metadata ->> 'next_attempt_at')::timestamptz, sent_at)"
            " < %(limit)s)",
            {"limit": now - OUTBOX_AGE},
        )
        return bool(cursor.fetchone() == (True,))


def partitions_have_strays() -> bool:
    """Tell whether a row lies in the safety net of a monthly table."""
    return any(has_strays(table) for table in TABLES)

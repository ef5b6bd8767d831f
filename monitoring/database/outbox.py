"""How long notifications that are due wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitoring.database.bounded import rows_read

if TYPE_CHECKING:
    from datetime import datetime

# As the health report counts: what goes into a digest is not waiting by itself.
WAITING: Final = """
SELECT count(*) AS open, count(*) FILTER (WHERE due <= %(now)s) AS due,
    min(due) FILTER (WHERE due <= %(now)s) AS oldest
FROM (
    SELECT COALESCE((metadata ->> 'next_attempt_at')::timestamptz, sent_at) AS due
    FROM notification_history
    WHERE status IN ('pending', 'retry') AND NOT metadata ? 'collapsed_into'
) AS waiting
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Notifications that are not out yet, those of them that are due, and for how long.

    ``seconds`` is how long the oldest of those is overdue, 0 without one.
    """

    open: int
    due: int
    seconds: float


def outbox_waiting(now: datetime) -> Waiting:
    """Return what waits in the outbox."""
    (row,) = rows_read(WAITING, {"now": now})
    oldest = row["oldest"]
    seconds = (now - oldest).total_seconds() if oldest else 0.0
    return Waiting(row["open"], row["due"], seconds)

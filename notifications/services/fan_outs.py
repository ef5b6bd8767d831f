"""Bursts: the intake writes each message once, a worker writes the other channels' rows."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from btc_watcher.lib.statements import rows_of
from notifications.models import NotificationFanOut, NotificationStatus
from notifications.policy import CLOCKS_APART, FAN_OUT_PATIENCE
from notifications.queues import Queued
from notifications.routing import Placement, Plan
from notifications.written import CLOCK_ERROR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

# So many rows are written by the caller itself.
DIRECT_ROWS: Final = 500
# The promise goes and the rows come in one statement, so they come exactly once: of
# two workers the second waits for the first and then finds no promise. Attempts that
# the first channel has made meanwhile are not copied. Rows of a
# channel that was removed say so when they are delivered. Where the promise was made by a
# clock that was ahead, what was delivered since has an earlier time than it.
APPLY: Final = """
WITH promise AS (
    DELETE FROM notification_fan_outs WHERE id = %(id)s
    RETURNING token, first_id, last_id, placements, created_at
)
INSERT INTO notification_history
    (signal_id, channel_id, channel_type, message_type, content, status, sent_at, metadata)
SELECT row.signal_id, channel.id, place.channel_type, row.message_type,
       coalesce(row.metadata #>> '{source,content}', row.content), place.status, %(now)s,
       jsonb_build_object('priority', row.metadata -> 'priority',
                          'title', coalesce(row.metadata #> '{source,title}',
                                            row.metadata -> 'title'),
                          'queued_at', row.metadata -> 'queued_at',
                          'context', row.metadata -> 'context') || place.extra
FROM promise
CROSS JOIN jsonb_to_recordset(promise.placements)
     AS place (place integer, channel_id integer, channel_type text, status text, extra jsonb)
LEFT JOIN notification_channels AS channel ON channel.id = place.channel_id
JOIN notification_history AS row
  ON row.id BETWEEN promise.first_id AND promise.last_id
 AND row.sent_at >= least(promise.created_at, %(now)s) - %(clock_error)s
 AND row.metadata #>> '{fan_out,token}' = promise.token
 AND (row.metadata #>> '{fan_out,place}')::integer = place.place
ORDER BY row.id
RETURNING id, channel_id, metadata ->> 'priority', signal_id, metadata ? 'held', sent_at,
          status
"""


@dataclass(frozen=True, slots=True)
class Later:
    """Placements whose rows are written later, from those that carry ``token``."""

    token: str
    placements: tuple[Placement, ...]


def fan_out_split(plan: Plan) -> tuple[Plan, Later | None]:
    """Return what is written now and what later; of a small plan nothing is."""
    by_group: dict[int, list[Placement]] = defaultdict(list)
    for placement in plan.placements:
        by_group[placement.group].append(placement)
    if plan.rows() <= DIRECT_ROWS or all(len(each) == 1 for each in by_group.values()):
        return plan, None
    token = uuid.uuid4().hex
    first, later = [], []
    for group, placements in by_group.items():
        # The caller sees the first one, so it is one that somebody will read.
        placements.sort(key=lambda each: each.status != NotificationStatus.PENDING)
        head, *others = placements
        if others:
            mark = {"fan_out": {"token": token, "place": group}}
            head = head._replace(extra=dict(head.extra) | mark)
        first.append(head)
        later += others
    return Plan(plan.groups, first), Later(token, tuple(later))


def fan_out_record(later: Later, ids: Sequence[int], now: datetime) -> int:
    """Store the promise to write ``later`` from the rows ``ids``; return its id."""
    return NotificationFanOut.objects.create(
        token=later.token,
        first_id=min(ids),
        last_id=max(ids),
        created_at=now,
        placements=[
            {
                "place": each.group,
                "channel_id": each.channel_id,
                "channel_type": each.channel_type,
                "status": each.status,
                "extra": dict(each.extra),
            }
            for each in later.placements
        ],
    ).pk


def fan_out_apply(*, fan_out_id: int, now: datetime) -> list[Queued]:
    """Write the rows that were promised and return those that wait.

    Returns nothing when they were written already.
    """
    parameters = {"id": fan_out_id, "now": now, "clock_error": CLOCK_ERROR}
    return waiting(rows_of(APPLY, parameters))


def waiting(rows: Sequence[tuple[Any, ...]]) -> list[Queued]:
    """Return of inserted rows, as the statements return them, those not suppressed."""
    return [Queued(*row[:6]) for row in rows if row[6] == NotificationStatus.PENDING]


def fan_outs_overdue(*, now: datetime) -> Sequence[int]:
    """Return the promises whose task may have vanished, oldest first."""
    rows = NotificationFanOut.objects.exclude(
        created_at__range=(now - FAN_OUT_PATIENCE, now + CLOCKS_APART)
    )
    return list(rows.order_by("id").values_list("id", flat=True))

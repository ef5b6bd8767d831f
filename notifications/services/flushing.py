"""What was held is told: alone as itself, several as one digest."""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson
from django.db import transaction
from django.utils.translation import override

from btc_watcher.lib.statements import rows_of
from notifications.digests import Group, Held, digest_message, groups
from notifications.messages import Message
from notifications.models import NotificationChannel
from notifications.policy import DIGEST_MEMBERS, FLUSH_EVERY
from notifications.queues import Queued
from notifications.receivers import Hold
from notifications.rendering import title_default
from notifications.rendering.values import EARLIER
from notifications.routing import Circumstances, Placement, Plan, suppression
from notifications.selectors import alert_keys_open, silences_active
from notifications.services.budgets import budget_take
from notifications.services.members import members_collapse
from notifications.services.outbox import rows_insert
from notifications.services.targets import receiver

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from notifications.receivers import Receiver

logger = logging.getLogger(__name__)

# Held rows that are due, by channel; one whose channel is gone has none.
CHANNELS_DUE: Final = """
SELECT DISTINCT channel_id FROM notification_history
WHERE status IN ('pending', 'retry') AND metadata ? 'held'
  AND (metadata #>> '{held,until}')::timestamptz <= %(now)s
ORDER BY channel_id
"""
MOMENTS: Final = """
SELECT DISTINCT (metadata #>> '{held,until}')::timestamptz FROM notification_history
WHERE status IN ('pending', 'retry') AND metadata ? 'held'
  AND (metadata #>> '{held,until}')::timestamptz > %(now)s
  AND (metadata #>> '{held,until}')::timestamptz <= %(last)s
"""
# One worker at a time makes the digests of a channel; another passes it over.
LOCK_CLASS: Final = 1_112_819_543
LOCK: Final = "SELECT pg_try_advisory_xact_lock(%(class)s, %(channel)s)"
# A message that may have arrived, or has for some, is not told again in a digest.
HELD: Final = """
SELECT id, sent_at, signal_id, message_type, coalesce(metadata ->> 'priority', 'P2'),
       coalesce(metadata ->> 'title', split_part(content, E'\\n', 1)),
       coalesce((metadata ->> 'queued_at')::timestamptz, sent_at),
       metadata #>> '{held,why}',
       (metadata #>> '{held,until}')::timestamptz <= %(now)s,
       metadata ?| ARRAY['digest_of', 'left', 'lost_at', 'resend_of'],
       coalesce(metadata -> 'context', '{}')::text
FROM notification_history
WHERE status IN ('pending', 'retry') AND metadata ? 'held'
  AND channel_id IS NOT DISTINCT FROM %(channel)s::integer
ORDER BY (metadata #>> '{held,until}')::timestamptz, id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
"""
RELEASE: Final = """
UPDATE notification_history
SET metadata = (metadata - ARRAY['held', 'next_attempt_at']) || %(marks)s::jsonb
WHERE id = ANY(%(ids)s) AND metadata ? 'held'
RETURNING id, channel_id, coalesce(metadata ->> 'priority', 'P2'), signal_id
"""
HOLD_AGAIN: Final = """
UPDATE notification_history SET metadata = metadata || %(held)s::jsonb
WHERE id = ANY(%(ids)s) AND metadata ? 'held'
RETURNING id
"""
QUIET_AGAIN: Final = """
UPDATE notification_history SET metadata = metadata || %(held)s::jsonb
WHERE status IN ('pending', 'retry') AND channel_id = %(channel)s
  AND metadata #>> '{held,why}' = 'quiet_hours'
RETURNING id
"""
SUPPRESS: Final = """
UPDATE notification_history
SET status = 'failed',
    metadata = (metadata - ARRAY['held', 'next_attempt_at']) || %(suppressed)s::jsonb
WHERE id = %(id)s AND metadata ? 'held'
RETURNING id
"""


def notifications_flush(*, now: datetime) -> list[Queued]:
    """Tell what is held and due; return the notifications that want a task.

    Each channel is a transaction of its own, so a worker may die at any point: either
    the digest is there with all its members, or nothing has changed. Running it again,
    or twice at once, changes nothing.
    """
    queued: list[Queued] = []
    for (channel_id,) in rows_of(CHANNELS_DUE, {"now": now}):
        try:
            queued += _flush_channel(channel_id, now)
        except Exception:
            # What is wrong with one channel must not keep the others waiting.
            logger.exception(
                "What is held for channel %s could not be told.", channel_id
            )
    return queued


def flush_moments(*, now: datetime) -> list[datetime]:
    """Return when held rows become due before the next regular flush."""
    rows = rows_of(MOMENTS, {"now": now, "last": now + FLUSH_EVERY})
    return [moment for (moment,) in rows]


def quiet_look_again(channel_id: int, now: datetime) -> None:
    """Have the next flush look at what quiet hours keep: they may have changed."""
    held = json.dumps(Hold(now, "quiet_hours").metadata())
    rows_of(QUIET_AGAIN, {"channel": channel_id, "held": held})


@transaction.atomic
def _flush_channel(channel_id: int | None, now: datetime) -> list[Queued]:
    lock = {"class": LOCK_CLASS, "channel": channel_id or 0}
    if rows_of(LOCK, lock) != [(True,)]:
        return []
    channel = NotificationChannel.objects.filter(id=channel_id or 0).first()
    parameters = {"now": now, "channel": channel_id, "limit": DIGEST_MEMBERS}
    rows = [_held(row) for row in rows_of(HELD, parameters)]
    if channel is None or not channel.enabled:
        # The delivery stores why nothing can be sent, and finds the fallback.
        return _release([row for row in rows if row.due], {})
    queued: list[Queued] = []
    surroundings = Circumstances(silences_active(now), alert_keys_open())
    for group in groups(rows):
        if left := _without_suppressed(group, channel.id, surroundings):
            queued += _tell(left, channel, now)
    return queued


def _tell(group: Group, channel: NotificationChannel, now: datetime) -> list[Queued]:
    reader = receiver(channel)
    if until := reader.quiet_until(group.priority, now):
        return _hold_again(group, Hold(until, "quiet_hours"))
    if hold := budget_take(channel, group.priority, now=now):
        return _hold_again(group, hold)
    marks = {"granted_at": now.isoformat(), "enqueued_at": now.isoformat()}
    if len(group.members) == 1:
        return _release(group.members, marks)
    ids = [row.id for row in group.members]
    with override(reader.language):
        message = digest_message(group, reader.zone, partial(_title, reader))
    plan = Plan([0], [Placement(0, channel.id, channel.type)])
    extra = marks | {"digest_of": ids, "count": len(ids)}
    queued = rows_insert([message], plan, now, extra)
    members_collapse(ids, queued[0].id)
    return queued


def _title(reader: Receiver, row: Held) -> str:
    """Return the title of a member in its reader's language."""
    message = Message(
        row.message_type, row.priority, row.title or "-", "", context=row.context
    )
    return title_default(message, reader.language, reader.zone)


def _without_suppressed(
    group: Group, channel_id: int, surroundings: Circumstances
) -> Group | None:
    """Suppress what a silence or an alert mutes by now; return the others."""
    if not any(surroundings):
        return group
    kept = []
    for row in group.members:
        message = Message(
            row.message_type,
            group.priority if row.alone else row.priority,
            row.title or "-",
            "",
            context=row.context,
        )
        if muted := suppression(message, channel_id, surroundings):
            suppressed = json.dumps(muted.metadata())
            rows_of(SUPPRESS, {"id": row.id, "suppressed": suppressed})
        else:
            kept.append(row)
    if not kept:
        return None
    priority = min(row.priority for row in kept)
    return Group(priority, group.why, tuple(kept))


def _release(rows: Iterable[Held], marks: dict[str, Any]) -> list[Queued]:
    parameters = {"ids": [row.id for row in rows], "marks": json.dumps(marks)}
    return [Queued(*row) for row in rows_of(RELEASE, parameters)]


def _hold_again(group: Group, hold: Hold) -> list[Queued]:
    held = json.dumps(hold.metadata())
    rows_of(HOLD_AGAIN, {"ids": [row.id for row in group.members], "held": held})
    return []


def _held(row: Sequence[Any]) -> Held:
    return Held(
        id=row[0],
        sent_at=row[1],
        signal_id=row[2],
        message_type=row[3],
        priority=row[4],
        title=row[5],
        queued_at=row[6],
        why=row[7] or "",
        due=row[8],
        alone=row[9],
        context=_context(orjson.loads(row[10])),
    )


def _context(stored: object) -> dict[str, Any]:
    """Return a message's context under the names that are used now."""
    context = stored if isinstance(stored, dict) else {}
    return {EARLIER.get(name, name): value for name, value in context.items()}

"""What was held is told: alone as itself, several as one digest."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson
from django.db import transaction
from django.utils.translation import override

from btc_watcher.lib.locking import lock_taken
from btc_watcher.lib.locks import DIGESTS
from btc_watcher.lib.redis_keys import PRIORITIES
from btc_watcher.lib.statements import rows_of
from notifications.digests import Group, Held, digest_message, groups
from notifications.messages import Message
from notifications.models import NotificationChannel
from notifications.policy import DIGEST_MEMBERS, FLUSH_EVERY, PUT_OFF_AT_MOST
from notifications.queues import Queued
from notifications.receivers import Hold
from notifications.rendering import title_default
from notifications.rendering.values import EARLIER
from notifications.routing import (
    Circumstances,
    Placement,
    Plan,
    Suppressed,
    suppression,
)
from notifications.saying import language_of_reader, message_also, words_said
from notifications.selectors import alert_keys_open, silences_active
from notifications.services.budgets import budget_take
from notifications.services.members import members_collapse
from notifications.services.outbox import rows_insert
from notifications.services.targets import receiver
from notifications.written import Written

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from notifications.receivers import Receiver

logger = logging.getLogger(__name__)

# Held rows that are due, by channel; one whose channel is gone has none. What is held
# longer than anything may be was held by a clock that was ahead.
CHANNELS_DUE: Final = """
SELECT DISTINCT channel_id FROM notification_history
WHERE status IN ('pending', 'retry') AND metadata ? 'held'
  AND ((metadata #>> '{held,until}')::timestamptz <= %(now)s
       OR (metadata #>> '{held,until}')::timestamptz > %(put_off)s)
ORDER BY channel_id
"""
MOMENTS: Final = """
SELECT DISTINCT (metadata #>> '{held,until}')::timestamptz FROM notification_history
WHERE status IN ('pending', 'retry') AND metadata ? 'held'
  AND (metadata #>> '{held,until}')::timestamptz > %(now)s
  AND (metadata #>> '{held,until}')::timestamptz <= %(last)s
"""
# A message that may have arrived, or has for some, is not told again in a digest. What
# the budget keeps is read before it is due, to be told together; a P0 is never among
# what the limit leaves for the next time.
HELD: Final = """
SELECT id, sent_at, signal_id, message_type, coalesce(metadata ->> 'priority', 'P2'),
       coalesce(metadata ->> 'title', split_part(content, E'\\n', 1)),
       coalesce((metadata ->> 'queued_at')::timestamptz, sent_at),
       metadata #>> '{held,why}',
       ((metadata #>> '{held,until}')::timestamptz <= %(now)s
        OR (metadata #>> '{held,until}')::timestamptz > %(put_off)s),
       metadata ?| ARRAY['digest_of', 'left', 'lost_at', 'unknown_outcome', 'resend_of'],
       coalesce(metadata -> 'context', '{}')::text, metadata ? 'resend_of'
FROM notification_history
WHERE status IN ('pending', 'retry') AND metadata ? 'held'
  AND channel_id IS NOT DISTINCT FROM %(channel)s::integer
  AND ((metadata #>> '{held,until}')::timestamptz <= %(now)s
       OR (metadata #>> '{held,until}')::timestamptz > %(put_off)s
       OR metadata #>> '{held,why}' = 'budget')
ORDER BY coalesce(metadata ->> 'priority', 'P2') <> 'P0',
         (metadata #>> '{held,until}')::timestamptz, id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
"""
RELEASE: Final = """
UPDATE notification_history
SET metadata = (metadata - 'held') || %(marks)s::jsonb
WHERE id = ANY(%(ids)s) AND sent_at BETWEEN %(first)s AND %(last)s AND metadata ? 'held'
RETURNING id, channel_id, coalesce(metadata ->> 'priority', 'P2'), signal_id, false, sent_at
"""
HOLD_AGAIN: Final = """
UPDATE notification_history SET metadata = metadata || %(held)s::jsonb
WHERE id = ANY(%(ids)s) AND sent_at BETWEEN %(first)s AND %(last)s AND metadata ? 'held'
RETURNING id
"""
LOOK_AGAIN: Final = """
UPDATE notification_history SET metadata = metadata || %(held)s::jsonb
WHERE status IN ('pending', 'retry') AND channel_id = %(channel)s
  AND metadata #>> '{held,why}' = %(why)s
RETURNING id
"""
# A digest takes its members along.
SUPPRESS: Final = """
WITH muted AS (
    UPDATE notification_history
    SET status = 'failed',
        metadata = (metadata - ARRAY['held', 'next_attempt_at']) || %(suppressed)s::jsonb
    WHERE id = ANY(%(ids)s) AND sent_at BETWEEN %(first)s AND %(last)s
      AND metadata ? 'held'
    RETURNING id, metadata -> 'digest_of' AS members
)
UPDATE notification_history AS row
SET status = 'failed', metadata = row.metadata || %(suppressed)s::jsonb
FROM muted CROSS JOIN jsonb_array_elements(muted.members) AS member
WHERE row.id = member::bigint AND row.status IN ('pending', 'retry')
  AND row.metadata -> 'collapsed_into' = to_jsonb(muted.id)
RETURNING row.id
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """One channel's turn; ``waits`` are the answers of its budget to P0 and to others."""

    channel: NotificationChannel
    reader: Receiver
    now: datetime
    waits: dict[bool, Hold] = field(default_factory=dict)

    def hold(self, group: Group) -> Hold | None:
        """Return what keeps ``group`` from being told now; else its budget is taken."""
        by_hand = any(row.by_hand for row in group.members)
        until = self.reader.quiet_until(group.priority, self.now)
        if until and not by_hand:
            return Hold(until, "quiet_hours")
        urgent = group.priority == "P0"
        if urgent not in self.waits:
            hold = budget_take(self.channel, group.priority, now=self.now)
            if hold is None:
                return None
            # Whoever comes later in this turn would hear the same.
            self.waits[urgent] = hold
        return self.waits[urgent]


def notifications_flush(*, now: datetime) -> list[Queued]:
    """Tell what is held and due; return the notifications that want a task.

    Each channel is a transaction of its own, so a worker may die at any point: either
    the digest is there with all its members, or nothing has changed. Running it again,
    or twice at once, changes nothing.
    """
    queued: list[Queued] = []
    moments = {"now": now, "put_off": now + PUT_OFF_AT_MOST}
    for (channel_id,) in rows_of(CHANNELS_DUE, moments):
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


def held_look_again(channel_id: int, why: str, now: datetime) -> None:
    """Have the next flush look at what is held because of ``why``: it may have changed."""
    held = json.dumps(Hold(now, why).metadata())
    rows_of(LOOK_AGAIN, {"channel": channel_id, "held": held, "why": why})


@transaction.atomic
def _flush_channel(channel_id: int | None, now: datetime) -> list[Queued]:
    if not lock_taken(DIGESTS.of(channel_id or 0)):
        return []
    channel = NotificationChannel.objects.filter(id=channel_id or 0).first()
    parameters = {
        "now": now,
        "put_off": now + PUT_OFF_AT_MOST,
        "channel": channel_id,
        "limit": DIGEST_MEMBERS,
    }
    rows = [_held(row) for row in rows_of(HELD, parameters)]
    if channel is None or not channel.enabled:
        # The delivery stores why nothing can be sent, and finds the fallback.
        return _release([row for row in rows if row.due], now, {})
    turn = Turn(channel, receiver(channel), now)
    surroundings = Circumstances(silences_active(now), alert_keys_open())
    queued: list[Queued] = []
    for group in _without_suppressed(groups(rows), channel.id, surroundings):
        queued += _tell(group, turn)
    return queued


def _tell(group: Group, turn: Turn) -> list[Queued]:
    if hold := turn.hold(group):
        return _hold_again(group, hold)
    now = turn.now
    marks = {"granted_at": now.isoformat(), "enqueued_at": now.isoformat()}
    if len(group.members) == 1:
        return _release(group.members, now, marks)
    ids, written = [row.id for row in group.members], _written(group.members)
    message = _digest(group, turn)
    plan = Plan([0], [Placement(0, turn.channel.id, turn.channel.type)])
    extra = marks | {"digest_of": ids, "count": len(ids)}
    extra["digest_since"] = written.first.isoformat()
    queued = rows_insert([message], plan, now, extra)
    members_collapse(ids, queued[0].id, written)
    return queued


def _digest(group: Group, turn: Turn) -> Message:
    """Return the digest in its reader's language, and for a fallback in every one."""
    reader = turn.reader
    made = partial(digest_message, group, reader.zone, partial(_title, reader.zone))
    with override(reader.language):
        message = made()
    if turn.channel.config.get("fallback") is None:
        return message
    return message_also(message, words_said(made))


def _title(zone: ZoneInfo, row: Held) -> str:
    """Return the title of a member in the active language."""
    try:
        return title_default(_message(row), language_of_reader(), zone)
    except Exception:
        # One message of a kind that nobody has foreseen must not keep the others.
        logger.exception("The title of notification %d could not be made.", row.id)
        return row.title


def _message(row: Held) -> Message:
    return Message(row.message_type, row.priority, row.title, "", context=row.context)


def _without_suppressed(
    found: Sequence[Group], channel_id: int, surroundings: Circumstances
) -> list[Group]:
    """Suppress what a silence or an alert mutes by now; return the others."""
    if not any(surroundings):
        return list(found)
    muted: dict[Suppressed, list[Held]] = defaultdict(list)
    left = []
    for group in found:
        kept = []
        for row in group.members:
            why = suppression(_message(row), channel_id, surroundings)
            # Whoever sends something again knows what is silenced.
            if why is None or row.by_hand:
                kept.append(row)
            else:
                muted[why].append(row)
        if kept:
            priority = min(row.priority for row in kept)
            left.append(Group(priority, group.why, tuple(kept)))
    for why, rows in muted.items():
        parameters = _which(rows) | {"suppressed": json.dumps(why.metadata())}
        rows_of(SUPPRESS, parameters)
    return left


def _release(
    rows: Sequence[Held], now: datetime, marks: dict[str, Any]
) -> list[Queued]:
    if not rows:
        return []
    # Due from now on: its time of writing would make it late for as long as it was held.
    # Its task is of the same moment, which tells the claim not to ask another clock.
    at = now.isoformat()
    marks = marks | {"next_attempt_at": at, "enqueued_at": at}
    parameters = _which(rows) | {"marks": json.dumps(marks)}
    return [Queued(*row) for row in rows_of(RELEASE, parameters)]


def _hold_again(group: Group, hold: Hold) -> list[Queued]:
    held = json.dumps(hold.metadata())
    rows_of(HOLD_AGAIN, _which(group.members) | {"held": held})
    return []


def _which(rows: Sequence[Held]) -> dict[str, Any]:
    """Return parameters that name ``rows`` and keep the search in their months."""
    return {"ids": [row.id for row in rows], **_written(rows)._asdict()}


def _written(rows: Sequence[Held]) -> Written:
    return Written(min(row.sent_at for row in rows), max(row.sent_at for row in rows))


def _held(row: Sequence[Any]) -> Held:
    return Held(
        id=row[0],
        sent_at=row[1],
        signal_id=row[2],
        message_type=row[3],
        priority=row[4] if row[4] in PRIORITIES else "P2",
        title=(row[5] or "").strip() or "-",
        queued_at=row[6],
        why=row[7] or "",
        due=row[8],
        alone=row[9],
        context=_context(orjson.loads(row[10])),
        by_hand=row[11],
    )


def _context(stored: object) -> dict[str, Any]:
    """Return a message's context under the names that are used now."""
    context: dict[str, Any] = stored if isinstance(stored, dict) else {}
    return {EARLIER.get(name, name): value for name, value in context.items()}

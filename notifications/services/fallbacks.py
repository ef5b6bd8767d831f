"""Another channel for what a channel could not deliver."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from django.db import connection

from btc_watcher.lib.statements import rows_of
from notifications.models import NotificationChannel
from notifications.routing import Placement, Plan
from notifications.services.outbox import rows_insert
from notifications.services.targets import receiver

if TYPE_CHECKING:
    from datetime import datetime

    from notifications.queues import Queued
    from notifications.services.claims import Claim
    from notifications.services.outcomes import Outcome

# The fallback may want such messages itself, and has been told then. By its id a signal
# has few rows, where a burst that fails has thousands in its channel.
TOLD_OF_SIGNAL: Final = """
SELECT id FROM notification_history
WHERE signal_id = %(signal)s AND channel_id = %(channel)s AND sent_at >= %(since)s
  AND coalesce(metadata #>> '{source,content}', content) = %(content)s
  AND status <> 'failed'
LIMIT 1
"""
TOLD_OTHERWISE: Final = """
SELECT id FROM notification_history
WHERE signal_id IS NULL AND channel_id = %(channel)s AND sent_at >= %(since)s
  AND coalesce(metadata #>> '{source,content}', content) = %(content)s
  AND status <> 'failed'
LIMIT 1
"""
NOTE: Final = """
UPDATE notification_history SET metadata = metadata || %(note)s::jsonb
WHERE id = %(id)s AND sent_at = %(sent_at)s
"""


# Which rows a digest tells of, and since when there are some.
DIGEST: Final = ("digest_of", "digest_since")


def fallback_record(claim: Claim, outcome: Outcome, now: datetime) -> list[Queued]:
    """Write the row for the channel's fallback, if it has one that has not tried yet.

    The new row names the old one as ``fallback_of`` and the old one the new as
    ``fallback_to``. It takes the fallback whatever its rules are, but at the
    fallback's own pace. Call it in the transaction that records the failure.
    """
    tried = _tried(claim)
    if "test" in claim.metadata or "suppressed" in outcome.extra:
        return []
    channel = _fallback(claim, tried)
    if channel is None:
        return []
    # The row may be of a clock that was ahead.
    since = min(claim.outgoing.queued_at, claim.sent_at, now)
    parameters = {
        "channel": channel.id,
        "since": since,
        "content": claim.message.content,
        "signal": claim.signal_id,
    }
    told_already = TOLD_OF_SIGNAL if claim.signal_id else TOLD_OTHERWISE
    if told := rows_of(told_already, parameters):
        _note(claim, told[0][0])
        return []
    queued = rows_insert(
        [claim.message],
        Plan([0], [_placement(channel, claim.priority, now)]),
        now,
        _extra(claim, tried),
    )
    _note(claim, queued[0].id)
    return queued


def _tried(claim: Claim) -> list[int]:
    """Return the channels that this message has failed on, so that it never circles."""
    earlier = claim.metadata.get("fallback_tried")
    own = [claim.channel.id] if claim.channel else []
    return (earlier if isinstance(earlier, list) else []) + own


def _fallback(claim: Claim, tried: list[int]) -> NotificationChannel | None:
    wanted = claim.channel.config.get("fallback") if claim.channel else None
    if not isinstance(wanted, int) or wanted in tried:
        return None
    # One that is off as well may have a fallback of its own, which then takes over.
    return NotificationChannel.objects.filter(id=wanted).first()


def _placement(channel: NotificationChannel, priority: str, now: datetime) -> Placement:
    hold = receiver(channel).hold(priority, now)
    return Placement(
        0,
        channel.id,
        channel.type,
        extra=hold.metadata() if hold else {},
        held_until=hold.until if hold else None,
    )


def _extra(claim: Claim, tried: list[int]) -> dict[str, Any]:
    extra: dict[str, Any] = {"fallback_of": claim.id, "fallback_tried": tried}
    if claim.members:
        extra |= {key: claim.metadata[key] for key in DIGEST if key in claim.metadata}
    return extra


def _note(claim: Claim, fallback_id: int) -> None:
    with connection.cursor() as cursor:
        note = json.dumps({"fallback_to": fallback_id})
        cursor.execute(NOTE, {"note": note, "id": claim.id, "sent_at": claim.sent_at})

"""A channel that cannot work is switched off and says so through the others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from django.utils.translation import gettext as _

from notifications.models import NotificationChannel
from notifications.queues import deliver_after_commit
from notifications.saying import Words
from notifications.services.alerts import alert_raise, alert_resolve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# Changed in place: a person may be saving other keys at the same moment.
FOLLOW: Final = """
UPDATE notification_channels SET config = config || %(update)s::jsonb WHERE id = %(id)s
"""


def alert_key(channel_id: int) -> str:
    """Return the key of the alert that a channel cannot work."""
    return f"channel:{channel_id}"


def channel_config_follow(channel_id: int, update: Mapping[str, Any]) -> None:
    """Store what a provider has changed, such as the new number of a chat."""
    with connection.cursor() as cursor:
        cursor.execute(FOLLOW, {"update": json.dumps(update), "id": channel_id})


def channel_disable(channel: NotificationChannel, reason: str, now: datetime) -> None:
    """Switch ``channel`` off, keep the ``reason``, and raise an alert.

    Does nothing when it is off already: of many messages that fail together one
    tells. Call it in the transaction that records the failure.
    """
    changed = NotificationChannel.objects.filter(id=channel.id, enabled=True).update(
        enabled=False, status=NotificationChannel.Status.ERROR, updated_at=now
    )
    if not changed:
        NotificationChannel.objects.filter(id=channel.id).update(
            status=NotificationChannel.Status.ERROR
        )
        return
    channel_config_follow(
        channel.id, {"disabled": {"reason": reason, "at": now.isoformat()}}
    )

    def words() -> Words:
        title = _("Channel %(name)s cannot send and was switched off")
        advice = _("Correct the cause, test the channel, and switch it on again.")
        return Words(title % {"name": channel.name}, f"{reason}\n\n{advice}")

    raised = alert_raise(
        key=alert_key(channel.id),
        priority="P0",
        words=words,
        context={"channel_id": channel.id, "channel": channel.name},
        now=now,
    )
    deliver_after_commit(raised.queued)


def channel_mended(channel: NotificationChannel, now: datetime) -> None:
    """Resolve the alert about a channel that is switched on again."""
    resolved = alert_resolve(key=alert_key(channel.id), now=now)
    deliver_after_commit(resolved.queued)

"""Sending a notification of the history once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.history import notification_by_id
from notifications.messages import Message, content_body, source_of
from notifications.routing import Placement, Plan
from notifications.services.outbox import rows_insert

if TYPE_CHECKING:
    from notifications.models import Notification
    from notifications.queues import Queued

# What the text was made of, and whom it tells about: not what became of the old row.
KEPT = ("digest_of", "digest_since", "count")


@transaction.atomic
def notification_resend(notification_id: int, by: str) -> Queued:
    """Write a new row with what the old one says; the new names the old and ``by``.

    It goes out at once, quiet hours or not, and counts in the budget. Raises
    ConfigurationError when there is no such row, or its channel is gone or off.
    """
    row = notification_by_id(notification_id)
    if row is None:
        raise ConfigurationError(
            _("There is no notification %(number)s.") % {"number": notification_id}
        )
    if row.channel is None or not row.channel.enabled:
        raise ConfigurationError(
            _(
                "The channel of notification %(number)s is gone or switched off. Switch"
                " it on first."
            )
            % {"number": notification_id}
        )
    extra: dict[str, Any] = {
        key: row.metadata[key] for key in KEPT if key in row.metadata
    }
    extra |= {"resend_of": row.id, "resend_by": by}
    place = Placement(0, row.channel.id, row.channel.type)
    (queued,) = rows_insert(
        [message_of(row)], Plan([0], [place]), timezone.now(), extra
    )
    return queued


def message_of(row: Notification) -> Message:
    """Return the message that a row of the history was made of."""
    data = row.metadata
    title, content = source_of(row.content, data)
    priority = data.get("priority")
    context = data.get("context")
    return Message(
        message_type=row.message_type,
        priority=priority if priority in PRIORITIES else "P2",
        title=title or "-",
        body=content_body(content, title),
        signal_id=row.signal_id,
        context=context if isinstance(context, dict) else {},
    )

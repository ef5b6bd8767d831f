"""The way in: whoever has something to tell calls ``messages_send``.

What is wrong until somebody mends it is an alert: ``alert_raise`` and, when it is over,
``alert_resolve``. All of them are called inside the transaction that makes what is
announced: both are stored or neither.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from notifications import services
from notifications.policy import FLUSH_EVERY
from notifications.queues import (
    after_commit,
    deliver_after_commit,
    fan_out_enqueue,
    flushes_enqueue,
)
from notifications.selectors import channels_enabled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from notifications.messages import Message
    from notifications.queues import Queued
    from notifications.saying import Speak


def messages_send(messages: Sequence[Message]) -> list[Queued]:
    """Store messages for the channels that want them; deliver after the commit.

    Returns one entry for each notification that waits, now or until a window, quiet
    hours or the budget allow it. Of a burst these are the rows of each message's
    first channel, and a task writes the others. A broker that is away costs nothing
    but time: the sweeper enqueues what could not be enqueued here.
    """
    if not messages:
        return []
    channels = channels_enabled()
    if not channels:
        return []
    now = timezone.now()
    recorded = services.messages_record(messages=messages, channels=channels, now=now)
    if recorded.fan_out_id is not None:
        after_commit(partial(fan_out_enqueue, recorded.fan_out_id))
    deliver_after_commit(recorded.queued)
    if soon := _soon(recorded.untils, now):
        after_commit(partial(flushes_enqueue, soon))
    return recorded.queued


def alert_raise(
    *,
    key: str,
    priority: str,
    words: Speak,
    context: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> bool:
    """Tell that something is wrong, once while it lasts; True when it is new.

    ``key`` says what, such as ``strategy:7`` or ``exchange:binance``: an open alert of
    this key is brought up to date instead, and told again only when it becomes more
    urgent. It is repeated as its channels want it until ``alert_resolve``. ``words``
    says it in the active language: it is called for each, because every channel has
    its own. What it calls must therefore be translated in it, and not before.
    """
    result = services.alert_raise(
        key=key,
        priority=priority,
        words=words,
        context=context or {},
        now=now or timezone.now(),
    )
    deliver_after_commit(result.queued)
    return result.changed


def alert_resolve(
    *,
    key: str,
    now: datetime | None = None,
    words: Speak | None = None,
    quiet: bool = False,
) -> bool:
    """Tell once that the alert ``key`` is over; False when none was open.

    ``words`` are as those of ``alert_raise``, and the usual ones where they are empty.
    ``quiet`` is for what another message says already.
    """
    result = services.alert_resolve(
        key=key, now=now or timezone.now(), words=words, quiet=quiet
    )
    deliver_after_commit(result.queued)
    return result.changed


def notification_resend(notification_id: int, by: str) -> Queued:
    """Send a notification of the history once more, as a new row; ``by`` is who asks.

    Raises ConfigurationError when there is no such row or its channel is gone.
    """
    queued = services.notification_resend(notification_id, by)
    deliver_after_commit([queued])
    return queued


def _soon(untils: Iterable[datetime], now: datetime) -> set[datetime]:
    """Return the moments that the next regular flush would look at too late."""
    last = now + FLUSH_EVERY + timedelta(seconds=1)
    return {until for until in untils if until <= last}

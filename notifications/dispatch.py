"""The way in: whoever has something to tell calls ``messages_send``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from notifications.queues import tasks_enqueue
from notifications.selectors import channels_enabled
from notifications.services import notifications_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notifications.messages import Message
    from notifications.queues import Queued


def messages_send(messages: Sequence[Message]) -> list[Queued]:
    """Store messages for the channels that want them; deliver after the commit.

    Call it inside the transaction that makes what is announced: both are stored
    or neither. Returns one entry for each notification. A broker that is away costs
    nothing but time: the sweeper enqueues what could not be enqueued here.
    """
    if not messages:
        return []
    channels = channels_enabled()
    if not channels:
        return []
    queued = notifications_record(
        messages=messages, channels=channels, now=timezone.now()
    )
    if queued:
        transaction.on_commit(lambda: tasks_enqueue(queued), robust=True)
    return queued

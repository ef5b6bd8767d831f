"""Which channels would get a message, when, and why or why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifications.models import NotificationChannel
from notifications.routing import Suppressed, suppression
from notifications.rules import Verdict, explain
from notifications.services.targets import (
    circumstances,
    default_priorities,
    receivers_of,
)

if TYPE_CHECKING:
    from datetime import datetime

    from notifications.messages import Message
    from notifications.receivers import Hold


@dataclass(frozen=True, slots=True)
class Explained:
    """A channel, whether its rules want the message, and what happens then.

    ``then`` is a Hold (later), Suppressed (not at all), or None (at once, or nothing
    when it is not wanted). Words for both are in notifications.words.
    """

    channel: NotificationChannel
    verdict: Verdict
    then: Hold | Suppressed | None = None


def channels_explain(message: Message, *, now: datetime) -> list[Explained]:
    """Return for every channel whether it would get ``message`` now, and why."""
    channels = list(NotificationChannel.objects.all())
    receivers = receivers_of(channels)
    around = circumstances([message], now)
    found = []
    for channel in channels:
        verdict = explain(channel, message, default_priorities(channel.type))
        then: Hold | Suppressed | None = None
        if verdict.wanted:
            then = suppression(message, channel.id, around)
            then = then or receivers[channel.id].hold(message.priority, now)
        found.append(Explained(channel, verdict, then))
    return found

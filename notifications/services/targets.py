"""Channels as routing sees them, and what surrounds them at the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.budgets import Limit, limits_stored
from notifications.receivers import Receiver, receiver_of
from notifications.routing import Circumstances, Target
from notifications.rules import Rules
from notifications.selectors import alert_keys_open, persons_of, silences_active
from notifications.transports import TRANSPORTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from notifications.messages import Message
    from notifications.models import NotificationChannel


def targets_of(channels: Sequence[NotificationChannel]) -> list[Target]:
    """Return ``channels`` with their rules and receivers read."""
    receivers = receivers_of(channels)
    return [
        Target(
            id=channel.id,
            type=channel.type,
            enabled=channel.enabled,
            rules=Rules.read(channel.config, default_priorities(channel.type)),
            receiver=receivers[channel.id],
        )
        for channel in channels
    ]


def receivers_of(channels: Sequence[NotificationChannel]) -> dict[int, Receiver]:
    """Return who reads each channel, by the channel's id."""
    persons = persons_of(channels)
    return {
        channel.id: receiver_of(
            channel.config,
            persons.get(user)
            if isinstance(user := channel.config.get("user"), int)
            else None,
            language=settings.LANGUAGE_CODE,
        )
        for channel in channels
    }


def receiver(channel: NotificationChannel) -> Receiver:
    """Return who reads ``channel``."""
    return receivers_of([channel])[channel.id]


def circumstances(messages: Sequence[Message], now: datetime) -> Circumstances:
    """Return the silences that are on, and for alerts what else is wrong."""
    alerts = any(message.message_type == "alert" for message in messages)
    return Circumstances(
        silences_active(now), alert_keys_open() if alerts else frozenset()
    )


def default_priorities(channel_type: str) -> Sequence[str]:
    """Return the priorities of a channel that lists none."""
    transport = TRANSPORTS.get(channel_type)
    return getattr(transport, "default_priorities", PRIORITIES)


def default_limits(channel_type: str) -> Mapping[str, int]:
    """Return the limits that the transport keeps unless a channel says otherwise."""
    return getattr(TRANSPORTS.get(channel_type), "default_limits", {})


def limits_of(channel: NotificationChannel) -> tuple[Limit, ...]:
    """Return the limits that hold for ``channel``."""
    return limits_stored(channel.rate_limit_config, default_limits(channel.type))

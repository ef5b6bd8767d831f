"""Reading channels and the history. Every query of the history is bounded by time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifications.models import Notification, NotificationChannel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFilter:
    """What of the history is wanted; ``since`` keeps old partitions out of it."""

    since: datetime
    status: str = ""
    channel_id: int | None = None
    priority: str = ""


def channels_enabled() -> list[NotificationChannel]:
    """Return the channels that are switched on, most important first."""
    return list(NotificationChannel.objects.filter(enabled=True))


def channels_all() -> list[NotificationChannel]:
    """Return every channel, for lists to choose from."""
    return list(NotificationChannel.objects.only("id", "name", "type"))


def notifications_newest(
    wanted: HistoryFilter, *, limit: int = 100
) -> Sequence[Notification]:
    """Return the newest notifications that fit, with their channels."""
    rows = Notification.objects.select_related("channel").filter(
        sent_at__gte=wanted.since
    )
    if wanted.status:
        rows = rows.filter(status=wanted.status)
    if wanted.channel_id is not None:
        rows = rows.filter(channel_id=wanted.channel_id)
    if wanted.priority:
        rows = rows.filter(metadata__priority=wanted.priority)
    return list(rows.order_by("-sent_at", "-id")[:limit])


def notifications_of_signal(
    signal_id: UUID, *, since: datetime
) -> Sequence[Notification]:
    """Return the notifications about one signal that were made since ``since``."""
    return list(
        Notification.objects.select_related("channel")
        .filter(signal_id=signal_id, sent_at__gte=since)
        .order_by("sent_at", "id")
    )

"""What tests of held notifications share: channels, the passing of time, a look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import time_machine

from notifications.models import Notification, NotificationChannel
from notifications.services import (
    notification_deliver,
    notifications_flush,
    notifications_record,
)
from tests.notifications.factories import NO_LIMITS, message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notifications.messages import Message
    from notifications.queues import Queued

# Just after a five-minute candle has closed.
NOW = datetime(2026, 11, 22, 12, 0, 3, tzinfo=UTC)
WINDOW = datetime(2026, 11, 22, 12, 0, 20, tzinfo=UTC)
QUIET = {"from": "22:00", "to": "07:00", "zone": "Asia/Shanghai"}
NIGHT = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)


def channel(name: str = "mail", **fields: Any) -> NotificationChannel:
    """Return a channel that gathers by the defaults and has no limits."""
    return NotificationChannel.objects.create(
        **{"name": name, "type": "email", "rate_limit_config": NO_LIMITS} | fields
    )


def record(
    messages: Sequence[Message],
    *channels: NotificationChannel,
    now: datetime = NOW,
    at_once: bool = False,
) -> list[Queued]:
    """Store messages for ``channels``."""
    return notifications_record(
        messages=messages, channels=channels, now=now, at_once=at_once
    )


def signals(count: int, **changes: Any) -> list[Message]:
    """Return messages about ``count`` signals of as many pairs."""
    plain: dict[str, Any] = {"priority": "P1"} | changes
    return [
        message(
            title=f"▲ BUY P{number}/USDT 5m · medium 60",
            context={
                "pair": f"P{number}/USDT",
                "signal_type": "SELL" if number % 3 == 2 else "BUY",
                "strategy_id": 1,
                "strategy": "ema cross",
                "exchange": "binance",
            },
            **plain,
        )
        for number in range(count)
    ]


def flush(now: datetime) -> list[Queued]:
    """Tell what is held and due."""
    return notifications_flush(now=now)


def flush_and_deliver(now: datetime) -> list[Notification]:
    """Tell what is held and due, deliver it, and return the rows that were told."""
    told = flush(now)
    # Quiet hours are looked at once more when a message goes out.
    with time_machine.travel(now, tick=True):
        for each in told:
            notification_deliver(notification_id=each.id)
    return [row(each.id) for each in told]


def row(number: int) -> Notification:
    """Return a row as it is stored."""
    return Notification.objects.get(id=number)


def rows_of(notification_channel: NotificationChannel) -> list[Notification]:
    """Return the rows of a channel, oldest first."""
    return list(notification_channel.notifications.order_by("id"))


def held(number: int) -> tuple[str, datetime] | None:
    """Return why a row is held and until when, or None."""
    value = row(number).metadata.get("held")
    return (value["why"], datetime.fromisoformat(value["until"])) if value else None


def later(moment: datetime, seconds: float) -> datetime:
    """Return ``moment`` moved by ``seconds``."""
    return moment + timedelta(seconds=seconds)

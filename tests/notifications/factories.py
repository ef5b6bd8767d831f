"""Messages and rows for tests: plain ones, changed by keyword."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from notifications.messages import Message
from notifications.models import Notification
from notifications.services import notifications_record

if TYPE_CHECKING:
    from notifications.models import NotificationChannel

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
# The configuration of a channel that gathers nothing.
AT_ONCE = {"speed": {"P1": 0, "P2": 0}}
# A channel that may send as much as it can.
NO_LIMITS = dict.fromkeys(("second", "minute", "hour", "day"))


def message(**changes: Any) -> Message:
    """Return the plain message with some fields changed."""
    plain = {
        "message_type": "signal",
        "priority": "P1",
        "title": "BUY BTC/USDT",
        "body": "Price: 63210.5",
    }
    return Message(**(plain | changes))


def notification(
    channel: NotificationChannel, *, now: datetime | None = None, **changes: Any
) -> Notification:
    """Return a stored notification that waits for its delivery, whatever its priority."""
    (queued,) = notifications_record(
        messages=[message(**changes)],
        channels=[channel],
        now=now or timezone.now(),
        at_once=True,
    )
    return Notification.objects.get(id=queued.id)


def thousands(count: int, **changes: Any) -> list[Message]:
    """Return ``count`` messages about as many signals, with a context of real size."""
    context = {
        "strategy": "ema cross",
        "exchange": "simulated",
        "indicators": {f"indicator_{number}": number * 1.5 for number in range(8)},
        "metadata": {"mark": "enter_long", "streak": 1, "strength_source": "column"},
    }
    return [
        message(
            title=f"BUY PAIR{number}/USDT 5m",
            body="\n".join(f"line {line} of the body" for line in range(8)),
            signal_id=uuid.uuid4(),
            context=context,
            **changes,
        )
        for number in range(count)
    ]

"""Reading what the watchers need of other apps' tables."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from notifications.models import MessageType, Notification, NotificationStatus

if TYPE_CHECKING:
    from datetime import datetime

LOOK_BACK: Final = timedelta(days=1)
AT_ONCE: Final = 20
OPEN: Final = (NotificationStatus.PENDING, NotificationStatus.RETRY)


def alerts_waiting(now: datetime) -> list[int]:
    """Return the newest most urgent alerts that are not delivered yet.

    Whoever delivers claims them; one that has to wait is passed over there.
    """
    rows = Notification.objects.filter(
        status__in=OPEN,
        message_type=MessageType.ALERT,
        metadata__priority="P0",
        sent_at__gte=now - LOOK_BACK,
    )
    return list(rows.order_by("-sent_at").values_list("id", flat=True)[:AT_ONCE])

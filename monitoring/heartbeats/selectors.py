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


def alerts_waiting(now: datetime, *, longer: timedelta = timedelta(0)) -> list[int]:
    """Return the newest most urgent alerts that have waited ``longer`` to be delivered.

    Whoever delivers claims them; one that has to wait is passed over there.
    """
    rows = Notification.objects.filter(
        status__in=OPEN,
        message_type=MessageType.ALERT,
        metadata__priority="P0",
        sent_at__range=(now - LOOK_BACK, now - longer),
    )
    return list(rows.order_by("-sent_at").values_list("id", flat=True)[:AT_ONCE])

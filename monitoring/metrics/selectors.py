"""Counting what other apps keep. Every query is bounded by an index."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db.models import Count
from django.utils import timezone

from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.models import Alert, Notification, NotificationStatus
from strategies.models import Status
from strategies.selectors import strategies_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from django.db.models import QuerySet

LOOK_BACK: Final = timedelta(days=7)
OPEN: Final = (NotificationStatus.PENDING, NotificationStatus.RETRY)


def strategies_by_status() -> Mapping[str, int]:
    """Return how many strategies there are of each status."""
    return _counts(strategies_all(), "status", Status.values)


def waiting_by_status() -> Mapping[str, int]:
    """Return how many notifications of the last days wait for their first or next try."""
    since = timezone.now() - LOOK_BACK
    rows = Notification.objects.filter(status__in=OPEN, sent_at__gte=since)
    return _counts(rows, "status", OPEN)


def alerts_by_priority() -> Mapping[str, int]:
    """Return how many alerts are open of each priority."""
    return _counts(Alert.objects.filter(resolved_at=None), "priority", PRIORITIES)


def _counts(rows: QuerySet[Any], field: str, values: Iterable[str]) -> dict[str, int]:
    found = dict(rows.order_by().values_list(field).annotate(number=Count("pk")))
    return {str(value): found.get(value, 0) for value in values}

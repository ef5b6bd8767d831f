"""Reading the errors. Each row is a group; every list is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.db.models import Count, Q

from monitoring.models import ErrorLog

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import QuerySet

SERIOUS: Final = (ErrorLog.Level.ERROR, ErrorLog.Level.CRITICAL)


def errors_listed(
    *,
    resolved: bool | None = False,
    level: str = "",
    component: str = "",
    words: str = "",
    limit: int = 100,
    after: tuple[datetime, int] | None = None,
) -> Sequence[ErrorLog]:
    """Return groups, the latest first; ``resolved`` None is both, "" is any.

    ``after`` is the time and the id of the group that the page before it ended with.

    ``context`` of each has count, first_seen, last_seen, fingerprint, logger, where.
    """
    found = ErrorLog.objects.order_by("-timestamp", "-id")
    if resolved is not None:
        found = found.filter(resolved=resolved)
    if level:
        found = found.filter(level=level)
    if component:
        found = found.filter(component=component)
    if words:
        found = found.filter(message__icontains=words)
    if after is not None:
        earlier = Q(timestamp__lt=after[0]) | Q(timestamp=after[0], id__lt=after[1])
        found = found.filter(earlier)
    return list(found[:limit])


def errors_open_count(*, since: datetime) -> dict[str, int]:
    """Return by level how many unresolved groups happened since a moment."""
    found = ErrorLog.objects.filter(resolved=False, timestamp__gte=since)
    return dict(found.order_by("level").values_list("level").annotate(Count("id")))


def errors_untold() -> QuerySet[ErrorLog]:
    """Return the unresolved groups of ERROR and above that nobody was told of."""
    return ErrorLog.objects.filter(
        Q(context__has_key="fingerprint") & ~Q(context__has_key="told_at"),
        level__in=SERIOUS,
        resolved=False,
    ).order_by("id")

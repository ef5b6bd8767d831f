"""Pages: the history of notifications, and the demonstration's inbox."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET

from btc_watcher.lib.redis_keys import PRIORITIES
from notifications import mailcatcher
from notifications.messages import content_body
from notifications.models import ChannelType, NotificationStatus
from notifications.selectors import HistoryFilter, channels_all, notifications_newest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from notifications.models import Notification

Choice = TypeVar("Choice")
DAYS: Final = (1, 7, 30, 90)
DEFAULT_DAYS: Final = 7
LIMIT: Final = 100


@require_GET
@login_required
def history(request: HttpRequest) -> HttpResponse:
    """Show the newest notifications; filters that make no sense are ignored."""
    wanted, days = filter_read(request.GET, timezone.now())
    rows = notifications_newest(wanted, limit=LIMIT)
    return render(
        request,
        "notifications/history.html",
        {
            "rows": [row_shown(row) for row in rows],
            "wanted": wanted,
            "days": days,
            "days_choices": DAYS,
            "limit": LIMIT,
            "statuses": NotificationStatus.choices,
            "priorities": PRIORITIES,
            "channels": channels_all(),
            "demo": settings.DEMO,
        },
    )


@require_GET
@login_required
def inbox(request: HttpRequest) -> HttpResponse:
    """Show the mails that the demonstration's mail server caught."""
    if not settings.DEMO:
        raise Http404("The inbox belongs to the demonstration.")
    mails = mailcatcher.mails_newest(mailcatcher.folder())
    return render(
        request,
        "notifications/inbox.html",
        {"mails": mails, "chosen": _chosen(mails, request.GET.get("mail", ""))},
    )


def filter_read(query: Mapping[str, str], now: datetime) -> tuple[HistoryFilter, int]:
    """Read the filters of the history page and the number of days shown."""
    days = _one_of(query.get("days", ""), DAYS) or DEFAULT_DAYS
    channel = query.get("channel", "")
    known = channel.isdecimal() and len(channel) < 10
    wanted = HistoryFilter(
        since=now - timedelta(days=days),
        status=_one_of(query.get("status", ""), NotificationStatus.values) or "",
        channel_id=int(channel) if known else None,
        priority=_one_of(query.get("priority", ""), PRIORITIES) or "",
    )
    return wanted, days


def row_shown(row: Notification) -> dict[str, object]:
    """Return what a row of the history page shows."""
    data = row.metadata
    title = str(data.get("title") or row.content.partition("\n")[0])
    return {
        "row": row,
        "channel": row.channel.name if row.channel else "-",
        "type": _type_label(row.channel_type),
        "priority": data.get("priority", ""),
        "title": title,
        "body": content_body(row.content, title),
        "attempts": len(data.get("attempts", ())) or row.retry_count,
        "answer": row.error_message or data.get("answer", ""),
        "problem": bool(row.error_message),
        "next_attempt_at": parse_datetime(data.get("next_attempt_at", "")),
        "unknown_outcome": data.get("unknown_outcome", False),
    }


def _type_label(text: str) -> str:
    return str(ChannelType(text).label) if text in ChannelType.values else text


def _one_of(text: str, choices: Iterable[Choice]) -> Choice | None:
    return next((choice for choice in choices if str(choice) == text), None)


def _chosen(
    mails: list[mailcatcher.CaughtMail], name: str
) -> mailcatcher.CaughtMail | None:
    for mail in mails:
        if mail.name == name:
            return mail
    return mails[0] if mails and not name else None

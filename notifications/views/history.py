"""The history: a list that is searched, one notification, and sending it again."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import needs, reads
from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.dispatch import notification_resend
from notifications.history import (
    MEMBERS_SHOWN,
    STATES,
    Cursor,
    HistoryFilter,
    SearchTooLongError,
    members_since,
    notification_by_id,
    notifications_by_id,
    notifications_page,
    signal_id_of,
)
from notifications.messages import facts_of
from notifications.models import MessageType, NotificationChannel
from notifications.selectors import notifications_of_signal
from notifications.shown import members_of, shown
from notifications.views.common import CHANGE, number_of, one_of, page
from notifications.words import STATES as STATE_WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse, QueryDict

    from notifications.models import Notification

DAYS: Final = (1, 7, 30, 90)
DEFAULT_DAYS: Final = 7
SIZE: Final = 50
TEXT_LENGTH: Final = 100
# A signal's notifications may be written before the row that is looked at.
AROUND: Final = timedelta(days=7)


@require_GET
@never_cache
@reads
def history(request: HttpRequest) -> HttpResponse:
    """Show the newest notifications that fit; filters that make no sense are ignored."""
    wanted, days = filter_read(request.GET, timezone.now())
    after = Cursor.parse(request.GET.get("after", ""))
    problem = ""
    rows: list[Notification] = []
    further: Cursor | None = None
    try:
        rows, further = notifications_page(wanted, size=SIZE, after=after)
    except SearchTooLongError:
        problem = _("The search took too long. Choose a shorter period or a channel.")
    return page(
        request,
        "history",
        "history.html",
        {
            "rows": [shown(row) for row in rows],
            "wanted": wanted,
            "filtered": _is_filtered(wanted, request.GET),
            "days": days,
            "days_choices": [(each, _days_words(each)) for each in DAYS],
            "until": _date_of(request.GET.get("until", "")),
            "after": after,
            "first_page": _address(request.GET, after=None),
            "next_page": _address(request.GET, after=further) if further else "",
            "problem": problem,
            "signal_id": signal_id_of(wanted.text),
            "states": [(each, STATE_WORDS[each]) for each in STATES],
            "types": MessageType.choices,
            "priorities": PRIORITIES,
            "channels": NotificationChannel.objects.order_by("name").only("name"),
            "demo": settings.DEMO,
            "may_change": request.user.has_perm(CHANGE),
        },
    )


@require_GET
@never_cache
@reads
def detail(request: HttpRequest, number: int) -> HttpResponse:
    """Show one notification with every attempt and what hangs on it."""
    row = notification_by_id(number)
    if row is None:
        raise Http404
    members = members_of(row.metadata)
    told_of = notifications_by_id(members, since=members_since(row))
    return page(
        request,
        "history",
        "detail.html",
        {
            "item": shown(row),
            "context": _context_shown(row),
            "members": [shown(each) for each in told_of],
            "members_more": max(0, len(members) - MEMBERS_SHOWN),
            "others": _others(row),
            "queued_at": row.metadata.get("queued_at"),
            "may_change": request.user.has_perm(CHANGE),
        },
    )


@require_POST
@needs(CHANGE)
def resend(request: HttpRequest, number: int) -> HttpResponse:
    """Send a notification once more, and show the new row."""
    try:
        queued = notification_resend(number, request.user.get_username())
    except ConfigurationError:
        if notification_by_id(number) is None:
            raise Http404 from None
        messages.error(
            request,
            _("Its channel is switched off or gone. Switch it on first."),
        )
        return redirect("notifications:detail", number)
    messages.success(
        request,
        _("It is being sent again, as notification %(number)s.")
        % {"number": queued.id},
    )
    return redirect("notifications:detail", queued.id)


def filter_read(query: Mapping[str, str], now: datetime) -> tuple[HistoryFilter, int]:
    """Read the filters of the history page and the number of days shown."""
    days = one_of(query.get("days", ""), DAYS) or DEFAULT_DAYS
    last = _date_of(query.get("until", ""))
    until = _midnight_after(last) if last else now + timedelta(minutes=1)
    return (
        HistoryFilter(
            since=until - timedelta(days=days),
            until=until,
            # "status" is what the filter was called in earlier addresses.
            state=one_of(query.get("state") or query.get("status", ""), STATES) or "",
            channel_id=number_of(query.get("channel", "")),
            priority=one_of(query.get("priority", ""), PRIORITIES) or "",
            message_type=one_of(query.get("type", ""), MessageType.values) or "",
            text=query.get("q", "").replace("\0", "").strip()[:TEXT_LENGTH],
        ),
        days,
    )


def _is_filtered(wanted: HistoryFilter, query: Mapping[str, str]) -> bool:
    narrowed = (wanted.state, wanted.priority, wanted.message_type, wanted.text)
    return any(narrowed) or wanted.channel_id is not None or bool(query.get("days"))


def _date_of(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2100 else None


def _midnight_after(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


def _days_words(count: int) -> str:
    return ngettext("%(count)d day", "%(count)d days", count) % {"count": count}


def _address(query: QueryDict, *, after: Cursor | None) -> str:
    kept = query.copy()
    kept.pop("after", None)
    if after is not None:
        kept["after"] = after.text()
    return f"?{kept.urlencode()}"


def _others(row: Notification) -> list[Any]:
    """Return the other notifications about the same signal."""
    if row.signal_id is None:
        return []
    rows = notifications_of_signal(row.signal_id, since=row.sent_at - AROUND)
    return [shown(each) for each in rows if each.id != row.id]


def _context_shown(row: Notification) -> list[tuple[str, str]]:
    context = row.metadata.get("context")
    if not isinstance(context, dict):
        return []
    facts = facts_of(context)
    return [(key, _text(value)) for key, value in facts.items() if value is not None]


def _text(value: object) -> str:
    match value:
        case dict():
            return ", ".join(f"{key} {_text(each)}" for key, each in value.items())
        case list():
            return ", ".join(_text(each) for each in value[:20])
        case float():
            return f"{value:g}"
        case _:
            return str(value)

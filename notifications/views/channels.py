"""Channels: the list, one channel's form, its test, and switching it on and off."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)

from accounts.permissions import changes_need, needs, reads
from btc_watcher.lib.errors import BtcWatcherError, ConfigurationError
from notifications.examples import examples
from notifications.forms import ChannelPage, Choices
from notifications.history import notification_by_id
from notifications.models import ChannelType, NotificationChannel
from notifications.services import channel_test, channel_update
from notifications.services.targets import default_priorities
from notifications.shown import shown
from notifications.standing import FAILED_COUNTED, Standing, standings
from notifications.summaries import gets_words, used_words
from notifications.transports import TRANSPORTS
from notifications.views.common import ADD, CHANGE, back, number_of, page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

ABOUT: Final = {
    ChannelType.TELEGRAM: gettext_lazy(
        "A bot writes to a person, a group or a channel."
    ),
    ChannelType.FEISHU: gettext_lazy(
        "A group's robot, with a card in the priority's colour."
    ),
    ChannelType.WECHAT: gettext_lazy("WeCom: a group's robot, or an application."),
    ChannelType.EMAIL: gettext_lazy(
        "By your own mail server, to any number of people."
    ),
    ChannelType.SMS: gettext_lazy(
        "By Aliyun or Twilio; urgent messages only, unless you say more."
    ),
    ChannelType.WEBHOOK: gettext_lazy("A signed JSON request to an address of yours."),
    ChannelType.APPRISE: gettext_lazy(
        "Discord, Slack, ntfy, DingTalk and a hundred others by one address."
    ),
}


@require_GET
@never_cache
@reads
def channels(request: HttpRequest) -> HttpResponse:
    """Show every channel and how it is doing."""
    now = timezone.now()
    rows = list(NotificationChannel.objects.all())
    found = standings(rows, now=now, today=_today())
    strategies = {str(number): name for number, name in examples().strategies()}
    return page(
        request,
        "channels",
        "channels.html",
        {
            "rows": [_row(row, found[row.id], strategies) for row in rows],
            "may_add": request.user.has_perm(ADD),
            "may_change": request.user.has_perm(CHANGE),
        },
    )


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
@needs(ADD)
def new(request: HttpRequest) -> HttpResponse:
    """Choose a type; then fill in a channel of it."""
    kind = request.GET.get("type", "")
    if kind not in TRANSPORTS:
        types = [
            (each, ABOUT.get(each, "")) for each in ChannelType if each in TRANSPORTS
        ]
        return page(request, "channels", "channel_new.html", {"types": types})
    # Messages tell the time on its owner's clock: offer whoever makes it.
    channel = NotificationChannel(
        type=kind, name="", enabled=True, config={"user": request.user.pk}
    )
    return _form(request, channel)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
@changes_need(CHANGE)
def channel(request: HttpRequest, number: int) -> HttpResponse:
    """Show a channel's form; who may not change channels reads it, without secrets."""
    row = _channel_or_404(number)
    return _form(request, row)


@require_POST
@needs(CHANGE)
def test(request: HttpRequest, number: int) -> HttpResponse:
    """Send a test message and show the provider's answer word for word."""
    row = _channel_or_404(number)
    problem, notification_id = "", 0
    try:
        notification_id = channel_test(row).notification_id
    except BtcWatcherError as error:
        problem = error.message
    if request.headers.get("HX-Request"):
        # The test has changed what the channel's row says.
        row.refresh_from_db()
        result = _test_shown(notification_id) | _standing(row)
        result |= {"channel": row, "problem": problem, "swap": True}
        return render(request, "notifications/parts/test_answer.html", result)
    if problem:
        messages.error(request, problem)
        return back(request, "notifications:channel", number)
    address = redirect("notifications:channel", number)
    address["Location"] += f"?test={notification_id}#test"
    return address


@require_POST
@needs(CHANGE)
def switch(request: HttpRequest, number: int) -> HttpResponse:
    """Switch a channel on or off, whichever ``to`` says."""
    row = _channel_or_404(number)
    enabled = request.POST.get("to") == "on"
    try:
        channel_update(row, enabled=enabled)
    except ConfigurationError as error:
        messages.error(request, error.message)
    else:
        words = (
            _("“%(name)s” is switched on.")
            if enabled
            else _("“%(name)s” is switched off.")
        )
        messages.success(request, words % {"name": row.name})
    return back(request, "notifications:channels")


def _form(request: HttpRequest, row: NotificationChannel) -> HttpResponse:
    shown_page = ChannelPage(
        row, Choices.read(), request.POST if request.method == "POST" else None
    )
    if request.method == "POST" and shown_page.is_valid():
        try:
            saved = shown_page.save()
        except ConfigurationError as error:
            shown_page.problem = error.message
        else:
            messages.success(request, _("Saved. A test shows whether it works."))
            return redirect("notifications:channel", saved.pk)
    refused = request.method == "POST"
    context = {
        "form": shown_page,
        # The form has not touched the row, so this is what is stored.
        "channel": row,
        "stored": bool(row.pk),
        "type_label": ChannelType(row.type).label,
        "about": ABOUT.get(ChannelType(row.type), ""),
        "wrong": list(shown_page.wrong()) if refused else [],
        "disabled": _disabled(row.config),
        "may_change": request.user.has_perm(CHANGE if row.pk else ADD),
        "examples": examples().newest(1),
    } | _standing(row)
    tested = number_of(request.GET.get("test", ""))
    context |= _test_shown(tested or 0)
    return page(
        request, "channels", "channel.html", context, status=400 if refused else 200
    )


def _standing(row: NotificationChannel) -> dict[str, Any]:
    if not row.pk:
        return {}
    found = standings([row], now=timezone.now(), today=_today())[row.pk]
    return {"standing": found, "budget": [used_words(x) for x in found.budget or ()]}


def _row(
    row: NotificationChannel, standing: Standing, strategies: Mapping[str, str]
) -> dict[str, Any]:
    tightest = standing.tightest
    return {
        "row": row,
        "standing": standing,
        "failed": f"{FAILED_COUNTED}+"
        if standing.failed > FAILED_COUNTED
        else standing.failed,
        "gets": gets_words(row.config, default_priorities(row.type), strategies),
        "budget": used_words(tightest) if tightest else "",
        "budget_all": [used_words(each) for each in standing.budget or ()],
        "share": min(100, round(tightest.share * 100)) if tightest else 0,
        "disabled": _disabled(row.config),
    }


def _test_shown(notification_id: int) -> dict[str, Any]:
    row = notification_by_id(notification_id) if notification_id else None
    if row is None or not row.metadata.get("test"):
        return {"tested": None}
    return {"tested": shown(row)}


def _disabled(config: Mapping[str, Any]) -> str:
    found = config.get("disabled")
    return str(found.get("reason", "")) if isinstance(found, dict) else ""


def _channel_or_404(number: int) -> NotificationChannel:
    row = get_object_or_404(NotificationChannel, pk=number)
    if row.type not in TRANSPORTS:
        raise Http404(f"No transport delivers channels of type {row.type!r}.")
    return row


def _today() -> datetime:
    return timezone.make_aware(datetime.combine(timezone.localdate(), time.min))

"""The API of notifications: the history, who gets what, silences and alerts."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.response import Response

from accounts.permissions import CanOperate, CanWrite
from btc_watcher.lib.api.answers import WINDOW
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation, paged
from btc_watcher.lib.api.moments import moment_text
from btc_watcher.lib.api.paging import cursor_read, cut
from btc_watcher.lib.errors import ConfigurationError
from notifications.api_answers import (
    ALERT,
    EXPLAINED,
    NOTIFICATION,
    NOTIFICATION_DETAIL,
    RESENT,
    SILENCE,
)
from notifications.dispatch import notification_resend
from notifications.examples import examples
from notifications.history import (
    Cursor,
    HistoryFilter,
    SearchTooLongError,
    notification_by_id,
    notifications_page,
)
from notifications.models import Alert, NotificationSilence
from notifications.receivers import Hold
from notifications.serializers import (
    AlertsQuery,
    ExplainQuery,
    HistoryQuery,
    SilenceSerializer,
    SilencesQuery,
    alert_shape,
    notification_detail_shape,
    notification_shape,
    silence_shape,
)
from notifications.services import channels_explain, silence_create, silence_end
from notifications.services.resend import message_of
from notifications.words import held_words, suppressed_words

if TYPE_CHECKING:
    from datetime import datetime

    from rest_framework.request import Request

    from notifications.messages import Message
    from notifications.models import Notification
    from notifications.services import Explained

CHANGE: Final = "notifications.change_notificationchannel"
ENDED_FOR: Final = timedelta(days=30)
LARGEST: Final = 2**63 - 1


class Conflict(APIException):
    """It cannot be sent as things are."""

    status_code = HTTPStatus.CONFLICT


class NotificationsView(ApiView):
    """``/api/v1/notifications/``: the history."""

    permission_classes = [CanWrite]

    @operation(
        paged(NOTIFICATION, window=WINDOW()),
        tag="notifications",
        name="notifications_list",
        summary="List notifications",
        query=HistoryQuery,
        item=NOTIFICATION,
    )
    def get(self, request: Request) -> Response:
        """Return what was told, is waiting or was kept back, newest first."""
        query = self.checked(HistoryQuery(data=request.query_params))
        after = None
        if (text := query.get("cursor")) and (after := Cursor.parse(text)) is None:
            cursor_read("", (int,))
        wanted = HistoryFilter(
            since=query["from"],
            until=query["to"],
            state=query.get("state", ""),
            channel_id=query.get("channel"),
            priority=query.get("priority", ""),
            message_type=query.get("type", ""),
            text=query.get("text", ""),
        )
        try:
            rows, place = notifications_page(
                wanted, size=query["page_size"], after=after
            )
        except SearchTooLongError as error:
            raise ValidationError({"text": [error.message]}) from error
        window = {name: moment_text(query[name]) for name in ("from", "to")}
        cursor = place.text() if place else None
        return self.page(request, map(notification_shape, rows), cursor, window=window)


class NotificationView(ApiView):
    """``/api/v1/notifications/{id}/``."""

    permission_classes = [CanWrite]
    largest_id = LARGEST

    @operation(
        NOTIFICATION_DETAIL,
        tag="notifications",
        name="notifications_get",
        summary="Get a notification",
        item=NOTIFICATION_DETAIL,
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return a notification with every attempt and what the provider said."""
        return Response(notification_detail_shape(_notification(pk)))


class ResendView(ApiView):
    """``/api/v1/notifications/{id}/resend/``."""

    permission_classes = [CanOperate]
    permission = CHANGE
    largest_id = LARGEST

    @operation(
        RESENT,
        status=202,
        tag="notifications",
        name="notifications_resend",
        summary="Send a notification again",
    )
    def post(self, request: Request, pk: int) -> Response:
        """Send it once more, as a new row: at once, quiet hours or not."""
        _notification(pk)
        try:
            queued = notification_resend(pk, request.user.get_username())
        except ConfigurationError as error:
            raise Conflict(error.message) from error
        return Response({"id": queued.id}, status=HTTPStatus.ACCEPTED)


class ExplainView(ApiView):
    """``/api/v1/notifications/explain/``: who gets what."""

    permission_classes = [CanWrite]

    @operation(
        EXPLAINED,
        tag="notifications",
        name="notifications_explain",
        summary="Explain who gets what",
        query=ExplainQuery,
        refuses=(404,),
    )
    def get(self, request: Request) -> Response:
        """Return for every channel whether it would get the message now, and why."""
        query = self.checked(ExplainQuery(data=request.query_params))
        message, quiet = _subject(query)
        found = channels_explain(message, now=timezone.now())
        return Response(
            {
                "title": message.title,
                "quiet": quiet,
                "results": [_explained(each, quiet) for each in found],
            }
        )


class SilencesView(ApiView):
    """``/api/v1/silences/``."""

    permission_classes = [CanWrite]
    permission = "notifications.add_notificationsilence"

    @operation(
        paged(SILENCE),
        tag="silences",
        name="silences_list",
        summary="List silences",
        query=SilencesQuery,
        item=SILENCE,
    )
    def get(self, request: Request) -> Response:
        """Return the silences that are on or will be, the newest first."""
        query = self.checked(SilencesQuery(data=request.query_params))
        now = timezone.now()
        since = now - ENDED_FOR if query["ended"] else now
        found = NotificationSilence.objects.filter(ends_at__gt=since).order_by("-id")
        if text := query.get("cursor"):
            (after,) = cursor_read(text, (int,))
            found = found.filter(id__lt=after)
        rows, cursor = cut(
            found[: query["page_size"] + 1], query, lambda row: (row.pk,)
        )
        return self.page(request, (silence_shape(row, now) for row in rows), cursor)

    @operation(
        SILENCE,
        status=201,
        tag="silences",
        name="silences_create",
        summary="Silence messages",
        body=SilenceSerializer,
    )
    def post(self, request: Request) -> Response:
        """Store what fits without sending it, from when to when, and say why."""
        wanted = self.checked(SilenceSerializer(data=request.data))
        silence = silence_create(by=request.user.get_username(), **wanted)
        return Response(
            silence_shape(silence, timezone.now()), status=HTTPStatus.CREATED
        )


class SilenceView(ApiView):
    """``/api/v1/silences/{id}/``."""

    permission_classes = [CanWrite]
    permission = "notifications.change_notificationsilence"

    @operation(
        SILENCE,
        tag="silences",
        name="silences_get",
        summary="Get a silence",
        item=SILENCE,
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return a silence."""
        return Response(silence_shape(_silence(pk), timezone.now()))

    @operation(
        None, status=204, tag="silences", name="silences_end", summary="End a silence"
    )
    def delete(self, request: Request, pk: int) -> Response:
        """End it now; one that has not begun is removed."""
        silence_end(_silence(pk), now=timezone.now())
        return Response(status=HTTPStatus.NO_CONTENT)


class AlertsView(ApiView):
    """``/api/v1/alerts/``."""

    permission_classes = [CanWrite]

    @operation(
        paged(ALERT, window=WINDOW()),
        tag="alerts",
        name="alerts_list",
        summary="List alerts",
        query=AlertsQuery,
        item=ALERT,
    )
    def get(self, request: Request) -> Response:
        """Return what is wrong, and what was in the period, the newest first."""
        query = self.checked(AlertsQuery(data=request.query_params))
        wanted = Q(resolved_at=None)
        if not query["open"]:
            wanted |= Q(resolved_at__gte=query["from"], resolved_at__lt=query["to"])
        found = Alert.objects.filter(wanted).order_by("-id")
        if text := query.get("cursor"):
            (after,) = cursor_read(text, (int,))
            found = found.filter(id__lt=after)
        rows, cursor = cut(
            found[: query["page_size"] + 1], query, lambda row: (row.pk,)
        )
        window = {name: moment_text(query[name]) for name in ("from", "to")}
        return self.page(request, map(alert_shape, rows), cursor, window=window)


class AlertView(ApiView):
    """``/api/v1/alerts/{id}/``."""

    permission_classes = [CanWrite]
    largest_id = LARGEST

    @operation(
        ALERT, tag="alerts", name="alerts_get", summary="Get an alert", item=ALERT
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return an alert."""
        found = Alert.objects.filter(pk=pk).first()
        if found is None:
            raise NotFound(_("There is no alert %(number)s.") % {"number": pk})
        return Response(alert_shape(found))


def _notification(pk: int) -> Notification:
    found = notification_by_id(pk)
    if found is None:
        raise NotFound(_("There is no notification %(number)s.") % {"number": pk})
    return found


def _silence(pk: int) -> NotificationSilence:
    found = NotificationSilence.objects.filter(pk=pk).first()
    if found is None:
        raise NotFound(_("There is no silence %(number)s.") % {"number": pk})
    return found


def _subject(query: dict[str, Any]) -> tuple[Message, str]:
    """Return the message that is asked about, and why nobody at all is told of it."""
    if (number := query.get("notification")) is not None:
        row = _notification(number)
        example = examples().one(row.signal_id) if row.signal_id else None
        return (example.message, example.quiet) if example else (message_of(row), "")
    found = examples().one(query["signal"])
    if found is None:
        raise NotFound(_("There is no signal %(id)s.") % {"id": query["signal"]})
    return found.message, found.quiet


def _explained(each: Explained, quiet: str) -> dict[str, Any]:
    verdict, words = "now", each.verdict.words
    until: datetime | None = None
    if not each.verdict.wanted or quiet:
        verdict, words = "no", quiet or words
    elif isinstance(each.then, Hold):
        verdict, words, until = "later", held_words(each.then.why), each.then.until
    elif each.then is not None:
        verdict = "no"
        words = suppressed_words(each.then.metadata()["suppressed"])
    return {
        "channel": each.channel.pk,
        "name": each.channel.name,
        "wanted": each.verdict.wanted,
        "verdict": verdict,
        "code": each.verdict.code,
        "words": words,
        "until": moment_text(until),
    }

"""The API of channels."""

from __future__ import annotations

from datetime import datetime, time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from accounts.permissions import CanOperate, CanWrite
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation, paged
from btc_watcher.lib.api.paging import PageQuery, page_of
from btc_watcher.lib.api.tags import match_require
from notifications.api_answers import CHANNEL, CHANNEL_DETAIL, TESTED
from notifications.models import NotificationChannel
from notifications.serializers import (
    ChannelSerializer,
    ChannelUpdateSerializer,
    channel_shape,
    standing_shape,
)
from notifications.services import channel_create, channel_test, channel_update
from notifications.standing import standings

if TYPE_CHECKING:
    from rest_framework.request import Request

PERMISSIONS = {
    "POST": "notifications.add_notificationchannel",
    "PATCH": "notifications.change_notificationchannel",
}


class ChannelsView(ApiView):
    """``/api/v1/channels/``."""

    permission_classes = [CanWrite]
    permission = PERMISSIONS

    @operation(
        paged(CHANNEL),
        tag="channels",
        name="channels_list",
        summary="List channels",
        query=PageQuery,
        item=CHANNEL,
    )
    def get(self, request: Request) -> Response:
        """Return channels by priority and name, without their secrets."""
        query = self.checked(PageQuery(data=request.query_params))
        rows, cursor = page_of(
            NotificationChannel.objects.all(),
            query,
            lambda row: (row.priority, row.name, row.pk),
            (int, str, int),
        )
        return self.page(request, map(channel_shape, rows), cursor)

    @operation(
        CHANNEL_DETAIL,
        status=201,
        tag="channels",
        name="channels_create",
        summary="Make a channel",
        body=ChannelSerializer,
        words="docs/en/configure.md says what each type's `config` holds.",
    )
    @method_decorator(sensitive_variables())
    def post(self, request: Request) -> Response:
        """Make a channel; its secrets are stored encrypted and never shown again."""
        wanted = self.checked(ChannelSerializer(data=request.data))
        channel = channel_create(**wanted)
        return Response(_detail(channel), status=HTTPStatus.CREATED)


class ChannelView(ApiView):
    """``/api/v1/channels/{id}/``."""

    permission_classes = [CanWrite]
    permission = PERMISSIONS

    @operation(
        CHANNEL_DETAIL,
        tag="channels",
        name="channels_get",
        summary="Get a channel",
        item=CHANNEL_DETAIL,
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return a channel and how it is doing."""
        channel = _channel(pk)
        self.versioned(channel)
        return Response(_detail(channel))

    @operation(
        CHANNEL_DETAIL,
        tag="channels",
        name="channels_update",
        summary="Change a channel",
        body=ChannelUpdateSerializer(partial=True),
        matches=True,
    )
    @method_decorator(sensitive_variables())
    def patch(self, request: Request, pk: int) -> Response:
        """Change the fields that are given; `enabled` switches it on and off."""
        wanted = self.checked(ChannelUpdateSerializer(data=request.data, partial=True))
        with transaction.atomic():
            NotificationChannel.objects.select_for_update().filter(pk=pk).first()
            channel = _channel(pk)
            match_require(request, channel)
            channel = channel_update(channel, **wanted)
        self.versioned(channel)
        return Response(_detail(channel))


class TestView(ApiView):
    """``/api/v1/channels/{id}/test/``."""

    permission_classes = [CanOperate]
    permission = PERMISSIONS["PATCH"]
    limits = {"POST": 60}

    @operation(TESTED, tag="channels", name="channels_test", summary="Test a channel")
    def post(self, request: Request, pk: int) -> Response:
        """Send a test message at once and answer with what the provider said."""
        found = channel_test(_channel(pk))
        return Response(
            {
                "ok": found.ok,
                "code": found.code,
                "answer": found.answer,
                "body": found.body,
                "notification": found.notification_id,
            }
        )


def _channel(pk: int) -> NotificationChannel:
    found = NotificationChannel.objects.filter(pk=pk).first()
    if found is None:
        raise NotFound(_("There is no channel %(number)s.") % {"number": pk})
    return found


def _detail(channel: NotificationChannel) -> dict[str, Any]:
    midnight = datetime.combine(timezone.localdate(), time.min)
    today = timezone.make_aware(midnight)
    found = standings([channel], now=timezone.now(), today=today)[channel.pk]
    return channel_shape(channel) | standing_shape(found)

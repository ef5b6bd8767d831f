"""``/api/v1/stream/``: the live feed for programs."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer

from accounts.permissions import CanRead
from accounts.websocket import login_lives
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation
from signals_app.feed.frames import position
from signals_app.stream import events

if TYPE_CHECKING:
    from rest_framework.request import Request


class NoStreamError(APIException):
    """This server answers one request after the other."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    wait = 60


class EventStream(BaseRenderer):
    """Lets programs ask for the media type; what is streamed is no rendered answer."""

    media_type = "text/event-stream"
    format = "events"
    charset = "utf-8"

    def render(self, data: Any, *_rest: Any, **_more: Any) -> bytes:
        """Render what is not streamed: an error."""
        return bytes(JSONRenderer().render(data))


class StreamView(ApiView):
    """``/api/v1/stream/``."""

    permission_classes = [CanRead]
    renderer_classes = [EventStream, JSONRenderer]
    limits = {"GET": 60}

    @operation(
        (200, "text/event-stream"),
        tag="signals",
        name="signals_stream",
        summary="Follow the live feed",
        query=OpenApiParameter(
            "Last-Event-ID",
            OpenApiTypes.STR,
            OpenApiParameter.HEADER,
            description="The id of the last event that was read; what came after it is"
            " sent first. Without it only new events are sent.",
        ),
        refuses=(503,),
        words="The data of an event is what the WebSocket /ws/signals/ sends as a frame."
        " An event `reload` says that some were lost: read the list of signals anew. A"
        " comment comes every 15 seconds when nothing else does. A token that is revoked"
        " ends its streams within 15 seconds.",
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Send what arrives as Server-Sent Events, until the program hangs up."""
        after = request.headers.get("Last-Event-ID", "")
        try:
            position(after or "0-0")
        except ValueError:
            raise ValidationError(
                {"Last-Event-ID": [_("This is no id of an event of the feed.")]}
            ) from None
        inner = request._request  # noqa: SLF001 - DRF has no other way to it
        if not isinstance(inner, ASGIRequest):
            raise NoStreamError(_("This server cannot stream; run it with ASGI."))
        scope = {
            "user": request.user,
            "session": inner.session,
            "token": request.auth,
        }
        response = StreamingHttpResponse(
            events(after, lambda: login_lives(scope)),
            content_type="text/event-stream; charset=utf-8",
        )
        response.headers["Cache-Control"] = "no-store"
        # nginx would keep it until a buffer is full.
        response.headers["X-Accel-Buffering"] = "no"
        return response

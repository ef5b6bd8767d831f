"""The API of signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from notifications.selectors import notifications_of_signal
from signals_app.posted import Posted, posted_candidates
from signals_app.rows import moment_text
from signals_app.selectors import Cursor, signal_by_id, signals_page
from signals_app.serializers import SignalQuerySerializer
from signals_app.services import signals_record
from signals_app.shapes import signal_shape

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

PAGE_SIZE: Final = 100
LARGEST_POST: Final = 1_000


class SignalsView(APIView):
    """``/api/v1/signals/``: the list, newest first, and the way in for others."""

    def get(self, request: Request) -> Response:
        """Return one page and the address of the next.

        Without ``from`` the last 31 days are looked through; ``window`` says
        what was.
        """
        query = SignalQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.wanted()
        cursor = query.validated_data.get("cursor")
        signals, place = signals_page(
            wanted,
            size=query.validated_data.get("page_size", PAGE_SIZE),
            after=Cursor.parse(cursor) if cursor else None,
        )
        return Response(
            {
                "results": [signal_shape(signal) for signal in signals],
                "next": _next_address(request, place) if place else None,
                "window": {
                    "from": moment_text(wanted.since),
                    "to": moment_text(wanted.until),
                },
            }
        )

    def post(self, request: Request) -> Response:
        """Record one signal, or a list of up to 1,000, each with its own answer."""
        if not isinstance(request.data, list):
            return _answer_one(posted_candidates([request.data]))
        if not 1 <= len(request.data) <= LARGEST_POST:
            raise ValidationError(
                _("Post 1 to %(largest)d signals at a time; these were %(count)d.")
                % {"largest": LARGEST_POST, "count": len(request.data)}
            )
        return _answer_many(posted_candidates(request.data))


class SignalView(APIView):
    """``/api/v1/signals/{id}/``: one signal and its notifications."""

    def get(self, request: Request, identifier: UUID) -> Response:
        """Return the signal, or 404."""
        signal = signal_by_id(identifier)
        if signal is None:
            raise NotFound(_("There is no signal %(id)s.") % {"id": identifier})
        notices = notifications_of_signal(signal.pk, since=signal.timestamp)
        return Response(
            signal_shape(signal)
            | {
                "notifications": [
                    {
                        "channel": notice.channel.name if notice.channel else None,
                        "type": notice.channel_type,
                        "status": notice.status,
                        "time": moment_text(notice.sent_at),
                        "retries": notice.retry_count,
                        "error": notice.error_message,
                    }
                    for notice in notices
                ]
            }
        )


def _next_address(request: Request, place: Cursor) -> str:
    query = request.query_params.copy()
    query["cursor"] = place.text()
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def _answer_one(posted: list[Posted]) -> Response:
    (answer,) = _record(posted)
    if answer["status"] == "refused":
        raise ValidationError(answer["detail"])
    return Response(answer, status=201 if answer["status"] == "created" else 200)


def _answer_many(posted: list[Posted]) -> Response:
    answers = _record(posted)
    counts = {
        word: sum(answer["status"] == word for answer in answers)
        for word in ("created", "duplicate", "refused")
    }
    return Response(counts | {"results": answers})


def _record(posted: list[Posted]) -> list[dict[str, Any]]:
    """Record what could be read; return one answer for each, in their order."""
    candidates = [entry.candidate for entry in posted if entry.candidate is not None]
    recorded = iter(signals_record(candidates).answers)
    answers = []
    for index, entry in enumerate(posted):
        identifier, word = (
            (None, entry.problem) if entry.candidate is None else next(recorded)
        )
        if identifier is None:
            answers.append({"index": index, "status": "refused", "detail": word})
        else:
            answers.append({"index": index, "status": word, "id": str(identifier)})
    return answers

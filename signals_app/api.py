"""The API of signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.response import Response

from accounts.permissions import CanWrite
from btc_watcher.lib.api.answers import WINDOW
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation, paged
from notifications.selectors import notifications_of_signal
from signals_app.api_answers import RECORDED_ANY, SIGNAL, SIGNAL_DETAIL
from signals_app.outcomes.choices import choice_filter, choice_shape, choices_of
from signals_app.outcomes.reading import outcome_of, outcome_shape
from signals_app.posted import Posted, posted_candidates
from signals_app.rows import moment_text
from signals_app.selectors import Cursor, signal_by_id, signals_page
from signals_app.serializers import SignalInSerializer, SignalQuerySerializer
from signals_app.services import signals_record
from signals_app.shapes import signal_shape

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

PAGE_SIZE: Final = 100
LARGEST_POST: Final = 1_000


POSTED_ANY: Final = PolymorphicProxySerializer(
    "SignalOrSignals",
    [SignalInSerializer, SignalInSerializer(many=True)],
    resource_type_field_name=None,
    many=False,
)


class SignalsView(ApiView):
    """``/api/v1/signals/``: the list, newest first, and the way in for others."""

    permission_classes = [CanWrite]

    @operation(
        paged(SIGNAL, window=WINDOW()),
        tag="signals",
        name="signals_list",
        summary="List signals",
        query=SignalQuerySerializer,
        item=SIGNAL,
    )
    def get(self, request: Request) -> Response:
        """Return one page and the address of the next.

        Without ``from`` the last 31 days are looked through; ``window`` says
        what was.
        """
        query = SignalQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = choice_filter(
            query.wanted(), int(request.user.pk or 0), query.chosen()
        )
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

    @operation(
        RECORDED_ANY,
        tag="signals",
        name="signals_record",
        summary="Record signals",
        body=POSTED_ANY,
        also={201: RECORDED_ANY},
        words="One that was new is answered 201, one that was stored before 200; a list"
        " always 200. What a signal is made of decides its id, so nothing is stored or"
        " told twice, with or without an Idempotency-Key.",
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


class SignalView(ApiView):
    """``/api/v1/signals/{id}/``: one signal and its notifications."""

    permission_classes = [CanWrite]

    @operation(
        SIGNAL_DETAIL,
        tag="signals",
        name="signals_get",
        summary="Get a signal",
        item=SIGNAL_DETAIL,
    )
    def get(self, request: Request, identifier: UUID) -> Response:
        """Return the signal, or 404."""
        signal = signal_by_id(identifier)
        if signal is None:
            raise NotFound(_("There is no signal %(id)s.") % {"id": identifier})
        notices = notifications_of_signal(signal.pk, since=signal.timestamp)
        choices = choices_of(int(request.user.pk or 0), [signal.pk])
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
                ],
                "outcome": outcome_shape(signal, outcome_of(signal)),
                "choice": choice_shape(choices.get(signal.pk)),
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

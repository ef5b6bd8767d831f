"""The API of outcomes, and of what people did with signals."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.response import Response

from accounts.models import UserSession
from accounts.permissions import CanRead
from accounts.scopes import Scope, token_allows
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation, paged
from signals_app.outcomes.answers import (
    CHOICE,
    DAYS_WINDOW,
    EXACT,
    ROW,
    TOTAL,
    ChoiceInSerializer,
    OutcomeQuerySerializer,
)
from signals_app.outcomes.asking import statistics_of
from signals_app.outcomes.choices import (
    choice_clear,
    choice_set,
    choice_shape,
    choices_of,
)
from signals_app.selectors import signal_by_id

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request
    from rest_framework.views import APIView

    from signals_app.models import Signal
    from signals_app.outcomes.statistics import Row


class OwnChoice(BasePermission):
    """Everybody may say what they did themselves; a token needs the scope write."""

    def has_permission(self, request: Request, _view: APIView) -> bool:
        """Tell whether this request may be answered; ``message`` says why not."""
        token = request.auth if isinstance(request.auth, UserSession) else None
        scope = Scope.READ if request.method in SAFE_METHODS else Scope.WRITE
        self.message = _(
            "This token may not do that: it lacks the scope %(scope)s."
        ) % {"scope": scope}
        return bool(request.user.is_authenticated) and token_allows(token, scope)


class OutcomesView(ApiView):
    """``/api/v1/outcomes/``: how often signals were right."""

    permission_classes = [CanRead]

    @operation(
        paged(ROW, total=TOTAL, exact=EXACT, window=DAYS_WINDOW()),
        tag="outcomes",
        name="outcomes_list",
        summary="Hit rates of strategies",
        query=OutcomeQuerySerializer,
        item=ROW,
    )
    def get(self, request: Request) -> Response:
        """Return hit rates and moves after 1, 4 and 24 candles, by strategy.

        All rows are on one page. The figures may be a minute old.
        """
        query = OutcomeQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.wanted()
        found = statistics_of(wanted, query.validated_data["by"])
        return self.page(
            request,
            map(_row, found.rows),
            None,
            total=list(map(_row, found.total)),
            exact=found.exact,
            window={"from": wanted.since, "to": wanted.until},
        )


class ChoiceView(ApiView):
    """``/api/v1/signals/{id}/choice/``: what the one who asks did with a signal."""

    permission_classes = [OwnChoice]

    @operation(
        CHOICE,
        tag="outcomes",
        name="choice_get",
        summary="Get your choice",
        item=CHOICE,
    )
    def get(self, request: Request, identifier: UUID) -> Response:
        """Return your choice; 404 when there is none."""
        choice = choices_of(_user_id(request), [identifier]).get(identifier)
        if choice is None:
            raise NotFound(_("You have neither taken nor skipped this signal."))
        return Response(choice_shape(choice))

    @operation(
        CHOICE,
        tag="outcomes",
        name="choice_set",
        summary="Mark as taken or skipped",
        body=ChoiceInSerializer,
    )
    def put(self, request: Request, identifier: UUID) -> Response:
        """Mark a signal as taken or skipped, with a note; replaces what was there."""
        values = self.checked(ChoiceInSerializer(data=request.data))
        choice = choice_set(
            user_id=_user_id(request), signal=_signal(identifier), **values
        )
        return Response(choice_shape(choice))

    @operation(
        None,
        tag="outcomes",
        name="choice_clear",
        summary="Clear your choice",
        status=204,
    )
    def delete(self, request: Request, identifier: UUID) -> Response:
        """Forget your choice; 204 also when there was none."""
        choice_clear(user_id=_user_id(request), signal=_signal(identifier))
        return Response(status=204)


def _signal(identifier: UUID) -> Signal:
    signal = signal_by_id(identifier)
    if signal is None:
        raise NotFound(_("There is no signal %(id)s.") % {"id": identifier})
    return signal


def _user_id(request: Request) -> int:
    # Who is not logged in was turned away before.
    return int(request.user.pk or 0)


def _row(row: Row) -> dict[str, Any]:
    return asdict(row) | {
        "horizons": {str(n): asdict(each) for n, each in row.horizons.items()}
    }

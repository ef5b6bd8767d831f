"""The API of strategies: the list, one strategy, and what is asked of them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from django.db import transaction
from rest_framework.exceptions import APIException, NotFound
from rest_framework.response import Response

from accounts.models import User
from accounts.permissions import CanOperate, CanWrite
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation, paged
from btc_watcher.lib.api.paging import page_of
from btc_watcher.lib.api.tags import match_require
from btc_watcher.lib.errors import BtcWatcherError
from strategies.api_answers import ASKED, ASKED_MANY, STRATEGY, STRATEGY_DETAIL
from strategies.errors import StrategyMissingError
from strategies.selectors import (
    processes_of,
    strategies_listed,
    strategy_by_id,
    versions_of,
)
from strategies.serializers import (
    ChangeSerializer,
    CopySerializer,
    StrategyQuery,
    UpdateSerializer,
    changed_shape,
    detail_shape,
    listed_shape,
    process_shape,
    version_shape,
)
from strategies.services import (
    strategies_change,
    strategy_copy,
    strategy_restart,
    strategy_start,
    strategy_stop,
    strategy_update,
)
from strategies.services.storing import strategy_locked

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

    from strategies.models import Strategy
    from strategies.selectors import ListedStrategy

PROCESSES_SHOWN: Final = 20
VERSIONS_SHOWN: Final = 50
CHANGE: Final = "strategies.change_strategy"
ADD: Final = "strategies.add_strategy"


class Conflict(APIException):
    """What is asked for does not fit the strategy's state."""

    status_code = HTTPStatus.CONFLICT

    def __init__(self, error: BtcWatcherError) -> None:
        super().__init__(error.message)


def missing(pk: int) -> NotFound:
    """Return the answer for a strategy that does not exist."""
    return NotFound(StrategyMissingError.strategy(pk).message)


def person(request: Request) -> User | None:
    """Return who asks."""
    return request.user if isinstance(request.user, User) else None


class StrategiesView(ApiView):
    """``/api/v1/strategies/``: all strategies that are no drafts, by name."""

    permission_classes = [CanWrite]
    permission = CHANGE

    @operation(
        paged(STRATEGY),
        tag="strategies",
        name="strategies_list",
        summary="List strategies",
        query=StrategyQuery,
        item=STRATEGY,
    )
    def get(self, request: Request) -> Response:
        """Return strategies by name, without their code."""
        query = self.checked(StrategyQuery(data=request.query_params))
        rows, cursor = page_of(
            [row for row in strategies_listed() if StrategyQuery.fits(row, query)],
            query,
            lambda row: (row.name, row.id),
            (str, int),
        )
        return self.page(request, map(listed_shape, rows), cursor)


class StrategyView(ApiView):
    """``/api/v1/strategies/{id}/``: one strategy, its versions and processes."""

    permission_classes = [CanWrite]
    permission = CHANGE

    @operation(
        STRATEGY_DETAIL,
        tag="strategies",
        name="strategies_get",
        summary="Get a strategy",
        item=STRATEGY_DETAIL,
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return the strategy, what it runs, its newest versions and processes."""
        return self._answer(pk)

    @operation(
        STRATEGY_DETAIL,
        tag="strategies",
        name="strategies_update",
        summary="Change a strategy",
        body=UpdateSerializer,
        matches=True,
        words="What it runs, its code above all, is changed through a draft, because it is"
        " loaded on trial first; see `drafts`.",
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change name, description or thresholds; new thresholds make a version."""
        wanted = self.checked(UpdateSerializer(data=request.data, partial=True))
        summary = wanted.pop("summary", "")
        try:
            with transaction.atomic():
                match_require(request, strategy_locked(pk))
                strategy_update(pk, by=person(request), summary=summary, **wanted)
        except StrategyMissingError as error:
            raise NotFound(error.message) from error
        return self._answer(pk)

    def _answer(self, pk: int) -> Response:
        strategy = strategy_by_id(pk)
        listed = next((row for row in strategies_listed() if row.id == pk), None)
        if strategy is None or listed is None:
            raise missing(pk)
        self.versioned(strategy)
        return Response(full_shape(strategy, listed))


def full_shape(strategy: Strategy, listed: ListedStrategy) -> dict[str, object]:
    """Return a strategy with its newest versions and processes."""
    versions = versions_of(strategy.pk)[:VERSIONS_SHOWN]
    processes = processes_of(strategy.pk, PROCESSES_SHOWN)
    return (
        listed_shape(listed)
        | detail_shape(strategy)
        | {
            "versions": [version_shape(row) for row in versions],
            "processes": [process_shape(row) for row in processes],
        }
    )


class StrategyChangeView(ApiView):
    """``/api/v1/strategies/{id}/start|stop|restart/``."""

    permission_classes = [CanOperate]
    permission = CHANGE

    def ask(self, service: Callable[[int], Strategy], pk: int) -> Response:
        """Ask for the change: 200, 404, or 409 when the state does not allow it."""
        try:
            strategy = service(pk)
        except StrategyMissingError as error:
            raise NotFound(error.message) from error
        except BtcWatcherError as error:
            raise Conflict(error) from error
        return Response(changed_shape(strategy))


class StartView(StrategyChangeView):
    """Ask for a strategy to run."""

    @operation(
        ASKED, tag="strategies", name="strategies_start", summary="Start a strategy"
    )
    def post(self, request: Request, pk: int) -> Response:
        """Ask for it to run; the supervisor starts it within seconds."""
        return self.ask(strategy_start, pk)


class StopView(StrategyChangeView):
    """Ask for a strategy to stop."""

    @operation(
        ASKED, tag="strategies", name="strategies_stop", summary="Stop a strategy"
    )
    def post(self, request: Request, pk: int) -> Response:
        """Ask for it to stop; the supervisor ends its bot within seconds."""
        return self.ask(strategy_stop, pk)


class RestartView(StrategyChangeView):
    """Ask for a strategy's bot to be replaced."""

    @operation(
        ASKED, tag="strategies", name="strategies_restart", summary="Restart a strategy"
    )
    def post(self, request: Request, pk: int) -> Response:
        """Ask for its bot to be replaced by a new one."""
        return self.ask(strategy_restart, pk)


class ChangeView(ApiView):
    """``/api/v1/strategies/change/``: one action for many strategies."""

    permission_classes = [CanOperate]
    permission = CHANGE

    @operation(
        ASKED_MANY,
        tag="strategies",
        name="strategies_change",
        summary="Start, stop or restart many strategies",
        body=ChangeSerializer,
    )
    def post(self, request: Request) -> Response:
        """Ask each for itself; the answer says of each what became of it, and why."""
        wanted = self.checked(ChangeSerializer(data=request.data))
        changed = strategies_change(**wanted)
        return Response(
            {
                "done": [changed_shape(strategy) for strategy in changed.done],
                "refused": changed.refused,
                "results": [
                    {"id": pk, "done": not why, "status": status, "detail": why or None}
                    for pk, (status, why) in changed.results.items()
                ],
            }
        )


class CopyView(ApiView):
    """``/api/v1/strategies/{id}/copy/``."""

    permission_classes = [CanWrite]
    permission = ADD

    @operation(
        ASKED,
        status=201,
        tag="strategies",
        name="strategies_copy",
        summary="Copy a strategy",
        body=CopySerializer,
    )
    def post(self, request: Request, pk: int) -> Response:
        """Store a stopped copy; leave to trade for real stays behind."""
        wanted = self.checked(CopySerializer(data=request.data))
        try:
            copy = strategy_copy(pk, name=wanted["name"], by=person(request))
        except StrategyMissingError as error:
            raise NotFound(error.message) from error
        return Response(changed_shape(copy), status=HTTPStatus.CREATED)

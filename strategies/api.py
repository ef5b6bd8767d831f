"""The API of strategies."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from rest_framework.exceptions import APIException, NotFound
from rest_framework.permissions import SAFE_METHODS, BasePermission, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from strategies.errors import StrategyMissingError
from strategies.lifecycle import IllegalChangeError
from strategies.selectors import (
    processes_of,
    strategies_listed,
    strategy_by_id,
    versions_of,
)
from strategies.serializers import (
    ChangeSerializer,
    changed_shape,
    detail_shape,
    listed_shape,
    process_shape,
    version_shape,
)
from strategies.services import (
    strategies_change,
    strategy_restart,
    strategy_start,
    strategy_stop,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

    from strategies.models import Strategy

PROCESSES_SHOWN: Final = 20


class MayChange(BasePermission):
    """Whoever has logged in may look; a change needs strategies.change_strategy."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether this request may be answered."""
        if request.method in SAFE_METHODS:
            return True
        return bool(request.user.has_perm("strategies.change_strategy"))


class Conflict(APIException):
    """What is asked for does not fit the strategy's state."""

    status_code = HTTPStatus.CONFLICT


class StrategyAPIView(APIView):
    """What all addresses of strategies have in common."""

    permission_classes = [IsAuthenticated, MayChange]


class StrategiesView(StrategyAPIView):
    """``/api/v1/strategies/``: all strategies that are no drafts, by name."""

    def get(self, request: Request) -> Response:
        """Return every strategy without its code."""
        return Response({"results": [listed_shape(row) for row in strategies_listed()]})


class StrategyView(StrategyAPIView):
    """``/api/v1/strategies/{id}/``: one strategy, its versions and processes."""

    def get(self, request: Request, pk: int) -> Response:
        """Return the strategy, or 404."""
        strategy = strategy_by_id(pk)
        listed = next((row for row in strategies_listed() if row.id == pk), None)
        if strategy is None or listed is None:
            raise NotFound(StrategyMissingError.strategy(pk).message)
        return Response(
            listed_shape(listed)
            | detail_shape(strategy)
            | {
                "versions": [version_shape(row) for row in versions_of(pk)],
                "processes": [
                    process_shape(row) for row in processes_of(pk, PROCESSES_SHOWN)
                ],
            }
        )


class StrategyChangeView(StrategyAPIView):
    """``/api/v1/strategies/{id}/start|stop|restart/``; ``action`` is its service."""

    action: Callable[[int], Strategy]

    def post(self, request: Request, pk: int) -> Response:
        """Ask for the change: 200, 404, or 409 when the state does not allow it."""
        try:
            strategy = type(self).action(pk)
        except StrategyMissingError as error:
            raise NotFound(error.message) from error
        except IllegalChangeError as error:
            raise Conflict(error.message) from error
        return Response(changed_shape(strategy))


class StartView(StrategyChangeView):
    """Ask for a strategy to run."""

    action = staticmethod(strategy_start)


class StopView(StrategyChangeView):
    """Ask for a strategy to stop."""

    action = staticmethod(strategy_stop)


class RestartView(StrategyChangeView):
    """Ask for a strategy's bot to be replaced."""

    action = staticmethod(strategy_restart)


class ChangeView(StrategyAPIView):
    """``/api/v1/strategies/change/``: one action for many strategies."""

    def post(self, request: Request) -> Response:
        """Ask each for itself; 200 says how many were asked and who refused why."""
        wanted = ChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        changed = strategies_change(**wanted.validated_data)
        return Response(
            {
                "done": [changed_shape(strategy) for strategy in changed.done],
                "refused": changed.refused,
            }
        )

"""The API of what a strategy ran, runs and may do: versions and live trading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from accounts.permissions import CanOperate, CanWrite
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation, paged
from btc_watcher.lib.api.paging import PageQuery, cursor_read, cut
from strategies.api import CHANGE, Conflict, missing, person
from strategies.api_answers import ASKED, COMPARED, VERSION, VERSION_DETAIL
from strategies.errors import RefusedError, StrategyMissingError
from strategies.selectors import strategy_by_id, version_of, versions_of
from strategies.serializers import (
    CompareQuery,
    LiveSerializer,
    RollBackSerializer,
    changed_shape,
    version_detail_shape,
    version_shape,
)
from strategies.services import live_disable, live_enable, version_roll_back
from strategies.versions import code_diff, differences

if TYPE_CHECKING:
    from rest_framework.request import Request

    from strategies.models import StrategyVersion


class VersionsView(ApiView):
    """``/api/v1/strategies/{id}/versions/``."""

    permission_classes = [CanWrite]

    @operation(
        paged(VERSION),
        tag="strategies",
        name="strategies_versions",
        summary="List the versions of a strategy",
        query=PageQuery,
        item=VERSION,
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return its versions, newest first."""
        query = self.checked(PageQuery(data=request.query_params))
        if strategy_by_id(pk) is None:
            raise missing(pk)
        found = versions_of(pk)
        if text := query.get("cursor"):
            (after,) = cursor_read(text, (int,))
            found = found.filter(id__lt=after)
        rows, cursor = cut(
            found[: query["page_size"] + 1], query, lambda row: (row.pk,)
        )
        return self.page(request, map(version_shape, rows), cursor)


class VersionView(ApiView):
    """``/api/v1/strategies/{id}/versions/{version}/``."""

    permission_classes = [CanWrite]

    @operation(
        VERSION_DETAIL,
        tag="strategies",
        name="strategies_version",
        summary="Get a version of a strategy",
        item=VERSION_DETAIL,
    )
    def get(self, request: Request, pk: int, version: str) -> Response:
        """Return a version and all that it ran, code included, without secrets."""
        return Response(version_detail_shape(_version(pk, version)))


class CompareView(ApiView):
    """``/api/v1/strategies/{id}/compare/``."""

    permission_classes = [CanWrite]

    @operation(
        COMPARED,
        tag="strategies",
        name="strategies_compare",
        summary="Compare two versions",
        query=CompareQuery,
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return the settings and the lines of code in which two versions differ."""
        query = self.checked(CompareQuery(data=request.query_params))
        old, new = (_version(pk, query[name]) for name in ("old", "new"))
        return Response(
            {
                "old": old.version,
                "new": new.version,
                "settings": [
                    {"name": each.name, "old": each.old, "new": each.new}
                    for each in differences(old.config_snapshot, new.config_snapshot)
                ],
                "code": [
                    {
                        "kind": line.kind,
                        "old_no": line.old_no,
                        "new_no": line.new_no,
                        "text": line.text,
                    }
                    for line in code_diff(_code(old), _code(new))
                ],
            }
        )


class RollBackView(ApiView):
    """``/api/v1/strategies/{id}/roll-back/``."""

    permission_classes = [CanWrite]
    permission = CHANGE

    @operation(
        ASKED,
        tag="strategies",
        name="strategies_roll_back",
        summary="Roll a strategy back",
        body=RollBackSerializer,
    )
    def post(self, request: Request, pk: int) -> Response:
        """Run what an earlier version ran, as a new version; a live one is stopped being so."""
        wanted = self.checked(RollBackSerializer(data=request.data))
        try:
            strategy = version_roll_back(pk, wanted["version"], by=person(request))
        except StrategyMissingError as error:
            raise NotFound(error.message) from error
        except RefusedError as error:
            raise Conflict(error) from error
        return Response(changed_shape(strategy))


class LiveView(ApiView):
    """``/api/v1/strategies/{id}/live/``: leave to trade for real."""

    permission_classes = [CanOperate]
    permission = "strategies.trade_live"
    # What was sent holds the keys of an exchange.
    keeps_answers = False

    @operation(
        ASKED,
        tag="strategies",
        name="strategies_live_enable",
        summary="Let a strategy trade for real",
        body=LiveSerializer,
        refuses=(409,),
        keyed=False,
    )
    @method_decorator(sensitive_variables())
    def post(self, request: Request, pk: int) -> Response:
        """Turn real trading on; the keys are stored encrypted and never shown again."""
        wanted = self.checked(LiveSerializer(data=request.data))
        user = person(request)
        if user is None:
            raise NotFound
        try:
            strategy = live_enable(pk, by=user, **wanted)
        except StrategyMissingError as error:
            raise NotFound(error.message) from error
        except RefusedError as error:
            raise Conflict(error) from error
        return Response(changed_shape(strategy))

    @operation(
        ASKED,
        tag="strategies",
        name="strategies_live_disable",
        summary="Go back to paper trading",
        refuses=(409,),
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Turn real trading off and forget the keys."""
        user = person(request)
        if user is None:
            raise NotFound
        try:
            strategy = live_disable(pk, by=user)
        except StrategyMissingError as error:
            raise NotFound(error.message) from error
        except RefusedError as error:
            raise Conflict(error) from error
        return Response(changed_shape(strategy))


def _version(pk: int, version: str) -> StrategyVersion:
    if strategy_by_id(pk) is None:
        raise missing(pk)
    found = version_of(pk, version)
    if found is None:
        raise NotFound(
            _("Strategy %(id)d has no version %(version)s.")
            % {"id": pk, "version": version}
        )
    return found


def _code(version: StrategyVersion) -> str:
    config: dict[str, Any] = version.config_snapshot.get("config") or {}
    return str(config.get("code") or "")

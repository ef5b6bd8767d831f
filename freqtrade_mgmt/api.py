"""The API of freqtrade's releases and of what is done with them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, NotFound
from rest_framework.response import Response

from accounts.models import User
from accounts.permissions import CanOperate
from btc_watcher.lib.api.answers import one
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation, paged
from btc_watcher.lib.api.paging import PageQuery, cursor_read, cut, page_of
from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.api_answers import (
    BEING_ASKED,
    INDEX,
    OPERATION,
    OPERATION_DETAIL,
    RELEASE,
)
from freqtrade_mgmt.dispatch import releases_being_asked, releases_refresh_soon
from freqtrade_mgmt.serializers import (
    InstallSerializer,
    OperationsQuery,
    RemoveQuery,
    UpgradeSerializer,
    index_shape,
    operation_detail_shape,
    operation_shape,
    version_shape,
)
from freqtrade_mgmt.services import install_cancel, install_request, uninstall
from freqtrade_mgmt.upgrades.asking import (
    check_request,
    rollback_request,
    upgrade_cancel,
    upgrade_request,
)
from freqtrade_mgmt.version_pages.operations import (
    OperationShown,
    operation_shown,
    operations_before,
)
from freqtrade_mgmt.version_pages.releases import version_known
from freqtrade_mgmt.version_pages.words import said
from freqtrade_mgmt.versions.listing import (
    releases_state,
    version_listed,
    versions_listed,
)

if TYPE_CHECKING:
    from rest_framework.request import Request

MANAGE: Final = "freqtrade_mgmt.change_freqtradeversion"


class Conflict(APIException):
    """What is asked for does not fit the state of things; the sentence says why."""

    status_code = HTTPStatus.CONFLICT

    def __init__(self, error: BtcWatcherError) -> None:
        super().__init__(said(error.message))


class FreqtradeAPIView(ApiView):
    """What all addresses of releases have in common."""

    permission_classes = [CanOperate]
    permission = MANAGE


class VersionsView(FreqtradeAPIView):
    """``/api/v1/freqtrade/versions/``: every known release, the newest first."""

    @operation(
        paged(RELEASE, index=one(INDEX)),
        tag="freqtrade",
        name="freqtrade_versions",
        summary="List releases",
        query=PageQuery,
        item=RELEASE,
    )
    def get(self, request: Request) -> Response:
        """Return them, and how up to date the list is."""
        state = releases_state()
        index = index_shape(state, said(state.problem), asked=releases_being_asked())
        query = self.checked(PageQuery(data=request.query_params))
        listed = versions_listed()
        # Releases are sorted by rules of their own, so a page begins by place.
        places = {row.version: place for place, row in enumerate(listed)}
        rows, cursor = page_of(
            listed, query, lambda row: (places[row.version],), (int,)
        )
        return self.page(request, map(version_shape, rows), cursor, index=index)


class RefreshView(FreqtradeAPIView):
    """``/api/v1/freqtrade/versions/refresh/``: have the package index asked."""

    @operation(
        BEING_ASKED,
        status=202,
        tag="freqtrade",
        name="freqtrade_refresh",
        summary="Have the package index asked",
    )
    def post(self, request: Request) -> Response:
        """Answer 202; the list says when it was done, and what was wrong."""
        releases_refresh_soon()
        return Response(
            {"being_asked": releases_being_asked()}, status=HTTPStatus.ACCEPTED
        )


class VersionView(FreqtradeAPIView):
    """``/api/v1/freqtrade/versions/{version}/``: one release."""

    @operation(
        RELEASE,
        tag="freqtrade",
        name="freqtrade_version",
        summary="Get a release",
        item=RELEASE,
    )
    def get(self, request: Request, version: str) -> Response:
        """Return a release."""
        row = version_listed(version)
        if row is None:
            raise _unknown(version)
        return Response(version_shape(row))

    @operation(
        None,
        status=204,
        tag="freqtrade",
        name="freqtrade_uninstall",
        summary="Uninstall a release",
        query=RemoveQuery,
        refuses=(409,),
    )
    def delete(self, request: Request, version: str) -> Response:
        """Uninstall it; 404 where it is not installed, 409 while it is needed."""
        listed = version_listed(version)
        if listed is None:
            raise _unknown(version)
        if not listed.installed:
            raise NotFound(
                _("freqtrade %(version)s is not installed.") % {"version": version}
            )
        query = self.checked(RemoveQuery(data=request.query_params))
        try:
            uninstall(version, give_up_rollback=query["give_up_rollback"])
        except BtcWatcherError as error:
            raise Conflict(error) from error
        return Response(status=HTTPStatus.NO_CONTENT)


class InstallView(FreqtradeAPIView):
    """``/api/v1/freqtrade/versions/{version}/install/``."""

    @operation(
        OPERATION_DETAIL,
        status=202,
        tag="freqtrade",
        name="freqtrade_install",
        summary="Install a release",
        body=InstallSerializer,
    )
    def post(self, request: Request, version: str) -> Response:
        """Ask for the installation; the answer is the operation, to be asked again."""
        _known(version)
        asked = self.checked(InstallSerializer(data=request.data))
        try:
            row = install_request(version, user=_user(request), **asked)
        except BtcWatcherError as error:
            raise Conflict(error) from error
        return _accepted(row.pk)


class CheckView(FreqtradeAPIView):
    """``/api/v1/freqtrade/versions/{version}/check/``."""

    @operation(
        OPERATION_DETAIL,
        status=202,
        tag="freqtrade",
        name="freqtrade_check",
        summary="Check a release",
    )
    def post(self, request: Request, version: str) -> Response:
        """Ask whether the strategies load in it; the answer is the operation."""
        _known(version)
        try:
            row = check_request(version, user=_user(request))
        except BtcWatcherError as error:
            raise Conflict(error) from error
        return _accepted(row.pk)


class UpgradesView(FreqtradeAPIView):
    """``/api/v1/freqtrade/upgrades/``: installations, upgrades, downgrades and checks."""

    @operation(
        paged(OPERATION),
        tag="freqtrade",
        name="freqtrade_operations",
        summary="List operations",
        query=OperationsQuery,
        item=OPERATION,
    )
    def get(self, request: Request) -> Response:
        """Return installations, upgrades, downgrades and checks, the newest first."""
        query = self.checked(OperationsQuery(data=request.query_params))
        text = query.get("cursor")
        (after,) = cursor_read(text, (int,)) if text else (None,)
        found = operations_before(
            after, kind=query.get("type", ""), limit=query["page_size"] + 1
        )
        rows, cursor = cut(found, query, lambda shown: (shown.id,))
        return self.page(request, map(operation_shape, rows), cursor)

    @operation(
        OPERATION_DETAIL,
        status=202,
        tag="freqtrade",
        name="freqtrade_upgrade",
        summary="Upgrade or downgrade",
        body=UpgradeSerializer,
        refuses=(404,),
    )
    def post(self, request: Request) -> Response:
        """Ask for an upgrade or a downgrade; the answer is the operation."""
        asked = self.checked(UpgradeSerializer(data=request.data))
        _known(asked["to_version"])
        try:
            row = upgrade_request(user=_user(request), **asked)
        except BtcWatcherError as error:
            raise Conflict(error) from error
        return _accepted(row.pk)


class UpgradeView(FreqtradeAPIView):
    """``/api/v1/freqtrade/upgrades/{id}/``: one operation with steps and report."""

    @operation(
        OPERATION_DETAIL,
        tag="freqtrade",
        name="freqtrade_operation",
        summary="Get an operation",
        item=OPERATION_DETAIL,
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return an operation with its steps and its report."""
        return Response(operation_detail_shape(_found(pk)))


class CancelView(FreqtradeAPIView):
    """``/api/v1/freqtrade/upgrades/{id}/cancel/``."""

    @operation(
        OPERATION_DETAIL,
        status=202,
        tag="freqtrade",
        name="freqtrade_cancel",
        summary="Cancel an operation",
    )
    def post(self, request: Request, pk: int) -> Response:
        """Ask for its end; 409 when it has ended already."""
        shown = _found(pk)
        try:
            if shown.kind == "install":
                install_cancel(pk)
            else:
                upgrade_cancel(pk, user=_user(request))
        except BtcWatcherError as error:
            raise Conflict(error) from error
        return _accepted(pk)


class RollBackView(FreqtradeAPIView):
    """``/api/v1/freqtrade/upgrades/{id}/rollback/``."""

    @operation(
        OPERATION_DETAIL,
        status=202,
        tag="freqtrade",
        name="freqtrade_roll_back",
        summary="Roll an operation back",
    )
    def post(self, request: Request, pk: int) -> Response:
        """Ask for everything to go back to how it was before."""
        _found(pk)
        try:
            rollback_request(pk, user=_user(request))
        except BtcWatcherError as error:
            raise Conflict(error) from error
        return _accepted(pk)


def _accepted(pk: int) -> Response:
    return Response(operation_detail_shape(_found(pk)), status=HTTPStatus.ACCEPTED)


def _found(pk: int) -> OperationShown:
    shown = operation_shown(pk)
    if shown is None:
        raise NotFound(_("There is no operation %(number)s.") % {"number": pk})
    return shown


def _known(version: str) -> None:
    if not version_known(version):
        raise _unknown(version)


def _unknown(version: str) -> NotFound:
    return NotFound(
        _("freqtrade %(version)s is not among the known releases.")
        % {"version": version}
    )


def _user(request: Request) -> User | None:
    return request.user if isinstance(request.user, User) else None

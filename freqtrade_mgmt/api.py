"""The API of freqtrade's releases and of what is done with them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from rest_framework.exceptions import APIException, NotFound
from rest_framework.permissions import SAFE_METHODS, BasePermission, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.dispatch import releases_being_asked, releases_refresh_soon
from freqtrade_mgmt.serializers import (
    InstallSerializer,
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
    operations_page,
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
YES: Final = frozenset({"1", "true", "yes"})


class MayManage(BasePermission):
    """Whoever has logged in may look; the rest needs change_freqtradeversion."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether this request may be answered."""
        if request.method in SAFE_METHODS:
            return True
        return bool(request.user.has_perm(MANAGE))


class Conflict(APIException):
    """What is asked for does not fit the state of things; the sentence says why."""

    status_code = HTTPStatus.CONFLICT

    def __init__(self, error: BtcWatcherError) -> None:
        super().__init__(said(error.message))


class FreqtradeAPIView(APIView):
    """What all addresses of releases have in common."""

    permission_classes = [IsAuthenticated, MayManage]


class VersionsView(FreqtradeAPIView):
    """``/api/v1/freqtrade/versions/``: every known release, the newest first."""

    def get(self, request: Request) -> Response:
        """Return them, and how up to date the list is."""
        state = releases_state()
        index = index_shape(state, said(state.problem), asked=releases_being_asked())
        rows = [version_shape(row) for row in versions_listed()]
        return Response({"index": index, "results": rows})


class RefreshView(FreqtradeAPIView):
    """``/api/v1/freqtrade/versions/refresh/``: have the package index asked."""

    def post(self, request: Request) -> Response:
        """Answer 202; the list says when it was done, and what was wrong."""
        releases_refresh_soon()
        return Response(
            {"being_asked": releases_being_asked()}, status=HTTPStatus.ACCEPTED
        )


class VersionView(FreqtradeAPIView):
    """``/api/v1/freqtrade/versions/{version}/``: one release."""

    def get(self, request: Request, version: str) -> Response:
        """Return it, or 404."""
        row = version_listed(version)
        if row is None:
            raise _unknown(version)
        return Response(version_shape(row))

    def delete(self, request: Request, version: str) -> Response:
        """Uninstall it: 204, 404 where it is not installed, 409 while it is needed.

        ``?give_up_rollback=true`` removes what the last upgrade could go back to.
        """
        listed = version_listed(version)
        if listed is None:
            raise _unknown(version)
        if not listed.installed:
            raise NotFound(f"freqtrade {version} is not installed.")
        give_up = request.query_params.get("give_up_rollback", "").lower() in YES
        try:
            uninstall(version, give_up_rollback=give_up)
        except BtcWatcherError as error:
            raise Conflict(error) from error
        return Response(status=HTTPStatus.NO_CONTENT)


class InstallView(FreqtradeAPIView):
    """``/api/v1/freqtrade/versions/{version}/install/``."""

    def post(self, request: Request, version: str) -> Response:
        """Ask for the installation: 202 with the operation, 404, or 409."""
        _known(version)
        asked = InstallSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            row = install_request(version, user=_user(request), **asked.validated_data)
        except BtcWatcherError as error:
            raise Conflict(error) from error
        return _accepted(row.pk)


class CheckView(FreqtradeAPIView):
    """``/api/v1/freqtrade/versions/{version}/check/``."""

    def post(self, request: Request, version: str) -> Response:
        """Ask whether the strategies load in it: 202 with the operation, 404, or 409."""
        _known(version)
        try:
            row = check_request(version, user=_user(request))
        except BtcWatcherError as error:
            raise Conflict(error) from error
        return _accepted(row.pk)


class UpgradesView(FreqtradeAPIView):
    """``/api/v1/freqtrade/upgrades/``: installations, upgrades, downgrades and checks."""

    def get(self, request: Request) -> Response:
        """Return a page of them, the newest first; ``?page=`` and ``?type=`` choose."""
        query = request.query_params
        page = operations_page(query.get("page"), kind=query.get("type", ""))
        return Response(
            {
                "count": page.paginator.count,
                "pages": page.paginator.num_pages,
                "page": page.number,
                "results": [operation_shape(shown) for shown in page.object_list],
            }
        )

    def post(self, request: Request) -> Response:
        """Ask for an upgrade or a downgrade: 202, 400, 404, or 409."""
        asked = UpgradeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        _known(asked.validated_data["to_version"])
        try:
            row = upgrade_request(user=_user(request), **asked.validated_data)
        except BtcWatcherError as error:
            raise Conflict(error) from error
        return _accepted(row.pk)


class UpgradeView(FreqtradeAPIView):
    """``/api/v1/freqtrade/upgrades/{id}/``: one operation with steps and report."""

    def get(self, request: Request, pk: int) -> Response:
        """Return it, or 404."""
        return Response(operation_detail_shape(_found(pk)))


class CancelView(FreqtradeAPIView):
    """``/api/v1/freqtrade/upgrades/{id}/cancel/``."""

    def post(self, request: Request, pk: int) -> Response:
        """Ask for its end: 202, 404, or 409 when it has ended already."""
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

    def post(self, request: Request, pk: int) -> Response:
        """Ask for everything to go back: 202, 404, or 409 with the reason."""
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
        raise NotFound(f"There is no operation {pk}.")
    return shown


def _known(version: str) -> None:
    if not version_known(version):
        raise _unknown(version)


def _unknown(version: str) -> NotFound:
    return NotFound(f"freqtrade {version!r} is not among the known releases.")


def _user(request: Request) -> User | None:
    return request.user if isinstance(request.user, User) else None

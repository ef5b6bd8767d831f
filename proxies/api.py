"""The API of proxies."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from btc_watcher.lib.errors import ConfigurationError
from proxies.dispatch import proxy_test_follow, proxy_test_soon
from proxies.models import Proxy
from proxies.problems import proxy_problems
from proxies.selectors import (
    proxies_listed,
    proxy_failures,
    proxy_history,
    proxy_tests,
)
from proxies.serializers import (
    HistorySerializer,
    ProxySerializer,
    bucket_shape,
    moment_text,
    proxy_shape,
    test_shape,
)
from proxies.services import proxy_create, proxy_delete, proxy_test, proxy_update
from proxies.services.changing import FIELDS, KEPT

if TYPE_CHECKING:
    from rest_framework.request import Request

PERMISSIONS: Final = {
    "POST": "proxies.add_proxy",
    "PATCH": "proxies.change_proxy",
    "DELETE": "proxies.delete_proxy",
}


class MayChange(BasePermission):
    """Whoever has logged in may look; each change needs its own permission."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether this request may be answered."""
        wanted = getattr(view, "permission", PERMISSIONS.get(request.method or ""))
        return wanted is None or bool(request.user.has_perm(wanted))


class Conflict(APIException):
    """The proxy is still used."""

    status_code = HTTPStatus.CONFLICT


class ProxyAPIView(APIView):
    """What all addresses of proxies have in common."""

    permission_classes = [IsAuthenticated, MayChange]

    def proxy(self, number: int) -> Proxy:
        """Return the proxy, or answer 404."""
        found = Proxy.objects.filter(pk=number).first()
        if found is None:
            raise NotFound(_("There is no proxy %(number)s.") % {"number": number})
        return found


class ProxiesView(ProxyAPIView):
    """``/api/v1/proxies/``: all proxies by priority and name, and a new one."""

    def get(self, request: Request) -> Response:
        """Return every proxy, without passwords."""
        rows = proxies_listed(now=timezone.now())
        return Response({"results": [proxy_shape(row) for row in rows]})

    def post(self, request: Request) -> Response:
        """Make a proxy and have it tested: 201, or 400 that names the fields."""
        wanted = ProxySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = wanted.validated_data
        _check(values, Proxy())
        proxy = proxy_create(**values)
        if proxy.enabled:
            proxy_test_soon(proxy.pk, "on_demand")
        return Response(_shape(proxy), status=HTTPStatus.CREATED)


class ProxyView(ProxyAPIView):
    """``/api/v1/proxies/{id}/``: one proxy."""

    def get(self, request: Request, pk: int) -> Response:
        """Return the proxy, or 404."""
        return Response(_shape(self.proxy(pk)))

    def patch(self, request: Request, pk: int) -> Response:
        """Change the fields that are given; a new way is tested at once."""
        proxy = self.proxy(pk)
        wanted = ProxySerializer(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        _check(wanted.validated_data, proxy)
        changed = proxy_update(proxy, **wanted.validated_data)
        if changed.enabled and changed.status == Proxy.Status.UNKNOWN:
            proxy_test_soon(pk, "on_demand")
        return Response(_shape(changed))

    def delete(self, request: Request, pk: int) -> Response:
        """Remove the proxy: 204, or 409 that names who uses it."""
        try:
            proxy_delete(self.proxy(pk))
        except ConfigurationError as error:
            raise Conflict(error.message) from error
        return Response(status=HTTPStatus.NO_CONTENT)


class TestView(ProxyAPIView):
    """``/api/v1/proxies/{id}/test/``: test it now."""

    permission = "proxies.change_proxy"

    def post(self, request: Request, pk: int) -> Response:
        """Test and answer with what was found, after the proxy's time-out at most."""
        test = proxy_test(self.proxy(pk).pk, "on_demand")
        proxy_test_follow(pk)
        status = test.proxy.status if test.proxy else None
        return Response(test_shape(test) | {"proxy_status": status})


class HistoryView(ProxyAPIView):
    """``/api/v1/proxies/{id}/history/``: its tests."""

    def get(self, request: Request, pk: int) -> Response:
        """Return the newest tests of a period, and its figures in equal spans."""
        proxy = self.proxy(pk)
        query = HistorySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        since, until = wanted["from"], wanted["to"]
        tests = proxy_tests(pk, since=since, until=until, limit=wanted["limit"])
        buckets = proxy_history(
            proxy.pk, since=since, until=until, buckets=wanted["buckets"]
        )
        return Response(
            {
                "results": [test_shape(test) for test in tests],
                "buckets": [bucket_shape(bucket) for bucket in buckets],
                "failures": proxy_failures(pk, since=since, until=until),
                "window": {"from": moment_text(since), "to": moment_text(until)},
            }
        )


def _check(given: dict[str, Any], proxy: Proxy) -> None:
    """Raise ValidationError that names the fields which the service would refuse."""
    stored = {name: getattr(proxy, name) for name in FIELDS}
    password = KEPT if proxy.password_encrypted else None
    values = stored | {"password": password} | given
    kept_of = proxy if "password" not in given else None
    problems = proxy_problems(values, proxy_id=proxy.pk, kept_of=kept_of)
    if problems:
        raise ValidationError(dict(problems))


def _shape(proxy: Proxy) -> dict[str, Any]:
    (row,) = proxies_listed(now=timezone.now(), proxies=[proxy])
    return proxy_shape(row)

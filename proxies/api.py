"""The API of proxies."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.db import transaction
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.response import Response

from accounts.permissions import CanOperate, CanWrite
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation, paged
from btc_watcher.lib.api.moments import EPOCH, microseconds, moment_text
from btc_watcher.lib.api.paging import cursor_read, cursor_text, next_address, page_of
from btc_watcher.lib.api.tags import match_require
from btc_watcher.lib.errors import ConfigurationError
from proxies.api_answers import HISTORY, PROXY, TESTED, TESTING
from proxies.dispatch import proxy_test_follow, proxy_test_soon
from proxies.models import Proxy
from proxies.problems import proxy_problems
from proxies.selectors import (
    proxies_enabled,
    proxies_listed,
    proxy_failures,
    proxy_history,
    proxy_tests,
)
from proxies.serializers import (
    HistorySerializer,
    ProxyQuery,
    ProxySerializer,
    bucket_shape,
    proxy_shape,
    test_shape,
)
from proxies.services import proxy_create, proxy_delete, proxy_test, proxy_update
from proxies.services.changing import FIELDS, KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

CHANGE: Final = "proxies.change_proxy"
PERMISSIONS: Final = {
    "POST": "proxies.add_proxy",
    "PATCH": CHANGE,
    "DELETE": "proxies.delete_proxy",
}


class Conflict(APIException):
    """The proxy is still used."""

    status_code = HTTPStatus.CONFLICT


class ProxyAPIView(ApiView):
    """What all addresses of proxies have in common."""

    permission_classes = [CanWrite]
    permission: ClassVar[Mapping[str, str] | str] = PERMISSIONS

    def proxy(self, number: int) -> Proxy:
        """Return the proxy, or answer 404."""
        found = Proxy.objects.filter(pk=number).first()
        if found is None:
            raise NotFound(_("There is no proxy %(number)s.") % {"number": number})
        return found


class ProxiesView(ProxyAPIView):
    """``/api/v1/proxies/``: all proxies by priority and name, and a new one."""

    @operation(
        paged(PROXY),
        tag="proxies",
        name="proxies_list",
        summary="List proxies",
        query=ProxyQuery,
        item=PROXY,
    )
    def get(self, request: Request) -> Response:
        """Return proxies by priority and name, without passwords."""
        query = self.checked(ProxyQuery(data=request.query_params))
        rows, cursor = page_of(
            [proxy for proxy in Proxy.objects.all() if ProxyQuery.fits(proxy, query)],
            query,
            lambda proxy: (proxy.priority, proxy.name, proxy.pk),
            (int, str, int),
        )
        shown = proxies_listed(now=timezone.now(), proxies=rows)
        return self.page(request, map(proxy_shape, shown), cursor)

    @operation(
        PROXY,
        status=201,
        tag="proxies",
        name="proxies_create",
        summary="Make a proxy",
        body=ProxySerializer,
    )
    @method_decorator(sensitive_variables())
    def post(self, request: Request) -> Response:
        """Make a proxy and have it tested."""
        values = self.checked(ProxySerializer(data=request.data))
        _check(values, Proxy())
        proxy = proxy_create(**values)
        if proxy.enabled:
            proxy_test_soon(proxy.pk, "on_demand")
        return Response(_shape(proxy), status=HTTPStatus.CREATED)


class ProxyView(ProxyAPIView):
    """``/api/v1/proxies/{id}/``: one proxy."""

    @operation(
        PROXY, tag="proxies", name="proxies_get", summary="Get a proxy", item=PROXY
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return a proxy with its figures and who uses it."""
        proxy = self.proxy(pk)
        self.versioned(proxy)
        return Response(_shape(proxy))

    @operation(
        PROXY,
        tag="proxies",
        name="proxies_update",
        summary="Change a proxy",
        body=ProxySerializer(partial=True),
        matches=True,
    )
    @method_decorator(sensitive_variables())
    def patch(self, request: Request, pk: int) -> Response:
        """Change the fields that are given; a new way is tested at once."""
        wanted = self.checked(ProxySerializer(data=request.data, partial=True))
        with transaction.atomic():
            Proxy.objects.select_for_update().filter(pk=pk).first()
            proxy = self.proxy(pk)
            match_require(request, proxy)
            _check(wanted, proxy)
            changed = proxy_update(proxy, **wanted)
        self.versioned(changed)
        if changed.enabled and changed.status == Proxy.Status.UNKNOWN:
            proxy_test_soon(pk, "on_demand")
        return Response(_shape(changed))

    @operation(
        None,
        status=204,
        tag="proxies",
        name="proxies_delete",
        summary="Remove a proxy",
        refuses=(409,),
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Remove the proxy, unless somebody uses it."""
        try:
            proxy_delete(self.proxy(pk))
        except ConfigurationError as error:
            raise Conflict(error.message) from error
        return Response(status=HTTPStatus.NO_CONTENT)


class TestView(ProxyAPIView):
    """``/api/v1/proxies/{id}/test/``: test it now."""

    permission_classes = [CanOperate]
    permission = CHANGE
    limits = {"POST": 60}

    @operation(TESTED, tag="proxies", name="proxies_test", summary="Test a proxy")
    def post(self, request: Request, pk: int) -> Response:
        """Test and answer with what was found, after the proxy's time-out at most."""
        test = proxy_test(self.proxy(pk).pk, "on_demand")
        proxy_test_follow(pk)
        status = test.proxy.status if test.proxy else None
        return Response(test_shape(test) | {"proxy_status": status})


class TestAllView(ProxyAPIView):
    """``/api/v1/proxies/test/``: test all."""

    permission_classes = [CanOperate]
    permission = CHANGE
    limits = {"POST": 60}

    @operation(
        TESTING,
        status=202,
        tag="proxies",
        name="proxies_test_all",
        summary="Test all proxies",
    )
    def post(self, request: Request) -> Response:
        """Have workers test every proxy that is switched on."""
        asked = [proxy.pk for proxy in proxies_enabled()]
        for number in asked:
            proxy_test_soon(number, "on_demand")
        return Response({"asked": asked}, status=HTTPStatus.ACCEPTED)


class HistoryView(ProxyAPIView):
    """``/api/v1/proxies/{id}/history/``: its tests."""

    @operation(
        HISTORY,
        tag="proxies",
        name="proxies_history",
        summary="List the tests of a proxy",
        query=HistorySerializer,
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return the newest tests of a period, and its figures in equal spans."""
        proxy = self.proxy(pk)
        wanted = self.checked(HistorySerializer(data=request.query_params))
        window = {"since": wanted["from"], "until": wanted["to"]}
        after = None
        if text := wanted.get("cursor"):
            moment, number = cursor_read(text, (int, int))
            after = (EPOCH + microseconds(moment), number)
        tests = proxy_tests(pk, **window, limit=wanted["limit"] + 1, after=after)
        shown = tests[: wanted["limit"]]
        cursor = None
        if len(tests) > len(shown):
            last = shown[-1]
            cursor = cursor_text(((last.test_time - EPOCH) // microseconds(1), last.pk))
        buckets = proxy_history(proxy.pk, **window, buckets=wanted["buckets"])
        return Response(
            {
                "results": [test_shape(test) for test in shown],
                "next": next_address(request, cursor),
                "buckets": [bucket_shape(bucket) for bucket in buckets],
                "failures": proxy_failures(pk, **window),
                "window": {
                    "from": moment_text(window["since"]),
                    "to": moment_text(window["until"]),
                },
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

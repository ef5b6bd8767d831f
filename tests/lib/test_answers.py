"""Headers of every answer, and the pages of errors."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import iscoroutinefunction
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory, override_settings
from django.urls import include, path

from btc_watcher.lib.errors import RefusedError
from btc_watcher.lib.security_headers import SecurityHeadersMiddleware
from btc_watcher.urls import handler400, handler403, handler404, handler500

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

__all__ = ["handler400", "handler403", "handler404", "handler500"]

CSP = "Content-Security-Policy"


def failing(_request: HttpRequest, kind: str) -> HttpResponse:
    raise {
        "400": BadRequest("internals"),
        "403": PermissionDenied("internals"),
        "refused": RefusedError("This is for the role operator."),
        "500": RuntimeError("internals"),
    }[kind]


urlpatterns = [
    path("fail/<str:kind>/", failing),
    path("api/fail/<str:kind>/", failing),
    path("", include("btc_watcher.urls")),
]


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


@override_settings(ROOT_URLCONF=__name__)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("kind", ["400", "403", "404", "500"])
def test_an_error_has_a_page_in_both_languages_without_internals(
    visitor: Client, kind: str, language: str
) -> None:
    address = "/no/such/page/" if kind == "404" else f"/fail/{kind}/"
    response = visitor.get(address, headers={"accept-language": language})
    page = response.content.decode()
    assert response.status_code == int(kind)
    assert f'<html lang="{language}">' in page
    assert kind in page
    assert "internals" not in page
    assert bool(re.search("[\u4e00-\u9fff]", page)) == (language == "zh-hans")


@override_settings(ROOT_URLCONF=__name__)
@pytest.mark.parametrize("kind", ["400", "403", "404", "500"])
def test_an_error_of_the_api_is_a_problem(visitor: Client, kind: str) -> None:
    address = "/api/v1/nothing/" if kind == "404" else f"/api/fail/{kind}/"
    response = visitor.get(address)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert json.loads(response.content)["status"] == int(kind)
    assert b"internals" not in response.content


@override_settings(ROOT_URLCONF=__name__)
@pytest.mark.parametrize("address", ["/fail/refused/", "/api/fail/refused/"])
def test_why_somebody_may_not_is_told(visitor: Client, address: str) -> None:
    response = visitor.get(address, headers={"accept-language": "en"})
    assert response.status_code == 403
    assert b"This is for the role operator." in response.content


@override_settings(ROOT_URLCONF=__name__)
def test_an_error_page_asks_neither_database_nor_session(visitor: Client) -> None:
    # Without a mark for the database every query would fail this test.
    assert visitor.get("/fail/500/").status_code == 500


@override_settings(
    ROOT_URLCONF=__name__,
    STORAGES={
        "staticfiles": {
            "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
        }
    },
)
def test_a_broken_error_page_still_answers(visitor: Client) -> None:
    # There is no manifest here, so no page can name its style sheet.
    response = visitor.get("/fail/500/")
    assert response.status_code == 500
    assert b"internals" not in response.content


@pytest.mark.parametrize("address", ["/login/", "/no/such/page/", "/api/v1/signals/"])
def test_every_answer_forbids_inline_scripts_and_strangers(
    client: Client, db: None, address: str
) -> None:
    policy = client.get(address).headers[CSP]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert policy.endswith("connect-src 'self' ws://testserver")


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_client")
def test_the_websocket_of_a_secure_page_is_secure_too(client: Client) -> None:
    policy = client.get("/login/", secure=True).headers[CSP]
    assert policy.endswith("wss://testserver")


@override_settings(ALLOWED_HOSTS=["known.test"])
def test_a_forged_host_never_gets_into_the_policy(client: Client) -> None:
    response = client.get("/login/", headers={"host": "evil.test"})
    assert response.status_code == 400
    assert "evil" not in response.headers[CSP]


def test_a_view_may_set_a_policy_of_its_own() -> None:
    def view(_request: HttpRequest) -> HttpResponseBase:
        return HttpResponse(headers={CSP: "default-src 'none'"})

    response = SecurityHeadersMiddleware(view)(RequestFactory().get("/"))
    assert isinstance(response, HttpResponse)
    assert response.headers[CSP] == "default-src 'none'"


async def test_the_headers_are_added_without_leaving_the_event_loop() -> None:
    async def view(_request: HttpRequest) -> HttpResponseBase:
        return HttpResponse()

    middleware = SecurityHeadersMiddleware(view)
    assert iscoroutinefunction(middleware)
    response = await middleware(AsyncRequestFactory().get("/"))
    assert CSP in response.headers


PAGES = ("/login/", "/profile/", "/", "/notifications/", "/no/such/page/")


@pytest.mark.parametrize("address", PAGES)
def test_no_page_holds_inline_scripts_styles_or_handlers(
    admin_client: Client, address: str
) -> None:
    page = admin_client.get(address, follow=True).content.decode()
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", page)
    assert not re.search(r"\s(style|on[a-z]+)=[\"']", page)

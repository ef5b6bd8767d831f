"""A database that is away is told apart from one that refused a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from django.db import OperationalError
from django.test import Client, override_settings
from django.urls import include, path

from btc_watcher.urls import handler400, handler403, handler404, handler500

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

__all__ = ["handler400", "handler403", "handler404", "handler500"]

CAUSES = {
    "nobody": psycopg.OperationalError("connection refused"),
    "starting": psycopg.errors.CannotConnectNow(),
    "stopped": psycopg.errors.AdminShutdown(),
    "full": psycopg.errors.TooManyConnections(),
    "broken": psycopg.errors.ConnectionFailure(),
    "slow": psycopg.errors.QueryCanceled(),
    "locked": psycopg.errors.LockNotAvailable(),
}


def failing(_request: HttpRequest, cause: str) -> HttpResponse:
    raise OperationalError from CAUSES[cause]


urlpatterns = [
    path("fail/<str:cause>/", failing),
    path("api/fail/<str:cause>/", failing),
    path("", include("btc_watcher.urls")),
]


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False, headers={"accept-language": "en"})


@override_settings(ROOT_URLCONF=__name__)
@pytest.mark.parametrize("cause", ["nobody", "starting", "stopped", "full", "broken"])
def test_a_page_without_a_database_says_so_and_asks_again(
    visitor: Client, cause: str
) -> None:
    answer = visitor.get(f"/fail/{cause}/")
    assert answer.status_code == 503
    assert answer.headers["Refresh"] == answer.headers["Retry-After"] == "10"
    assert b"The database is away" in answer.content
    assert b"Load this page again" in answer.content
    # What was sent is not sent a second time by itself.
    assert "Refresh" not in visitor.post(f"/fail/{cause}/").headers


@override_settings(ROOT_URLCONF=__name__)
@pytest.mark.parametrize("cause", ["slow", "locked"])
def test_a_query_that_failed_is_an_error_of_ours(visitor: Client, cause: str) -> None:
    answer = visitor.get(f"/fail/{cause}/")
    assert answer.status_code == 500
    assert "Refresh" not in answer.headers


@override_settings(ROOT_URLCONF=__name__)
def test_a_program_is_told_by_a_problem(visitor: Client) -> None:
    answer = visitor.get("/api/fail/nobody/")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "10"
    assert answer.json()["status"] == 503

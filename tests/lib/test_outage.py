"""A database that is away is told apart from one that refused a query."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test import Client, override_settings
from django.urls import include, path
from psycopg_pool import PoolTimeout

from btc_watcher.lib.error_pages import is_outage
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
    "waited": PoolTimeout("couldn't get a connection after 10.00 sec"),
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


@pytest.mark.django_db
@override_settings(ROOT_URLCONF=__name__)
def test_a_pool_that_is_used_up_is_told_as_busy(visitor: Client) -> None:
    answer = visitor.get("/fail/waited/")
    assert answer.status_code == 503
    assert answer.headers["Refresh"] == answer.headers["Retry-After"] == "3"
    assert b"The server is busy" in answer.content
    assert b"The database is away" not in answer.content
    assert "Refresh" not in visitor.post("/fail/waited/").headers
    problem = visitor.get("/api/fail/waited/")
    assert problem.status_code == 503
    assert "connections to the database" in problem.json()["detail"]


@pytest.mark.django_db(transaction=True)
def test_a_real_pool_that_is_used_up_is_no_outage() -> None:
    shared = connection.settings_dict["OPTIONS"]
    connection.close()
    shared["pool"] = {"min_size": 0, "max_size": 1, "timeout": 0.1}
    try:
        # We have the only connection of the pool.
        connection.ensure_connection()
        with ThreadPoolExecutor(1) as other:
            error = other.submit(_error_of_a_query).result(20)
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL
        del shared["pool"]
    assert isinstance(error.__cause__, PoolTimeout)
    assert not is_outage(error)


def _error_of_a_query() -> OperationalError:
    try:
        with pytest.raises(OperationalError) as raised:
            connection.ensure_connection()
        return raised.value
    finally:
        connection.close()


@pytest.mark.django_db
@override_settings(ROOT_URLCONF=__name__)
def test_a_pool_without_a_database_is_an_outage(
    visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    answer = visitor.get("/fail/waited/")
    assert answer.headers["Retry-After"] == "10"
    assert b"The database is away" in answer.content


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

"""The page of the servers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from btc_watcher.lib import redis_client as redis_module
from btc_watcher.local import ports
from monitoring.database.samples import sample_take

if TYPE_CHECKING:
    import redis
    from django.test import Client
    from pytest_django import Settings


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def staff(client: Client) -> Client:
    user = User.objects.create_user("mei", password="x", is_staff=True, language="en")
    client.force_login(user)
    return client


@pytest.mark.django_db
def test_the_page_shows_everything(staff: Client, redis_client: redis.Redis) -> None:
    sample_take(timezone.now() - timedelta(minutes=2))
    sample_take(timezone.now() - timedelta(minutes=1))
    response = staff.get("/system/database/?range=12h&by=mean")
    assert response.status_code == 200
    text = response.content.decode()
    for words in (
        "notification_history",
        "Locks and long",
        "Redis memory",
        "chart-data",
    ):
        assert words in text
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.django_db
def test_rows_outside_of_every_month_are_told(
    staff: Client, redis_client: redis.Redis
) -> None:
    execute(
        "INSERT INTO proxy_test_history (test_time, success)"
        " VALUES ('2001-01-01 00:00+00', true)"
    )
    text = staff.get("/system/database/").content.decode()
    assert "1 row of proxy_test_history lies outside of every month." in text


@pytest.mark.django_db
def test_only_staff_see_the_page(client: Client) -> None:
    assert client.get("/system/database/").status_code == 302
    client.force_login(User.objects.create_user("jo", password="x"))
    assert client.get("/system/database/").status_code == 403


@pytest.mark.django_db
def test_without_redis_the_page_says_so_and_shows_the_rest(
    staff: Client, settings: Settings
) -> None:
    redis_module.redis_connection.cache_clear()
    settings.REDIS_URL = f"redis://:my-secret@127.0.0.1:{ports.any_free()}/0"
    try:
        response = staff.get("/system/database/")
    finally:
        redis_module.redis_connection().close()
        redis_module.redis_connection.cache_clear()
    text = response.content.decode()
    assert response.status_code == 200
    assert "Redis did not answer (ConnectionError)." in text
    assert "notification_history" in text
    assert "my-secret" not in text

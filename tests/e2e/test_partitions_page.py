"""The page of the partitions in a real browser: planned, counted, rotated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from playwright.sync_api import expect

from btc_watcher.lib.partitions import PROXY_TESTS, Plan, apply, state_read
from monitoring.tasks import rotation_now
from tests.monitoring.asking import asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis
    from playwright.sync_api import Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture
def database(django_db_blocker: Any, web: WebServer) -> Iterator[None]:
    """The test's database, with its partitions as they were in the end."""
    with django_db_blocker.unblock():
        before = state_read(PROXY_TESTS).partitions
        yield
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE proxy_test_history")
        new = state_read(PROXY_TESTS).partitions - before
        apply(Plan(PROXY_TESTS, drop=tuple(sorted(new))))


@pytest.mark.usefixtures("database")
def test_stray_rows_are_seen_planned_for_and_moved(
    web: WebServer, page: Page, redis_client: redis.Redis
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO proxy_test_history (test_time, success)"
            " SELECT '2025-03-05'::timestamptz, true FROM generate_series(1, 12)"
        )
    page.goto(f"{web.url}/system/partitions/")
    expect(page.locator(".message-warning")).to_contain_text("12 rows")
    plan = page.locator("#plan")
    expect(plan).to_contain_text("Make proxy_test_history_2025_03, and move 12 rows")
    net = page.get_by_role("row", name=PROXY_TESTS.default)
    net.get_by_role("button", name="count").click()
    expect(net.locator(".counted")).to_have_text("12")
    page.get_by_role("button", name="Rotate now").click()
    expect(page.locator("#run")).to_contain_text("begins soon")
    rotation_now(**asked(redis_client)[0][1])
    expect(page.locator(".message-success")).to_contain_text(
        "12 rows of proxy_test_history moved to their months."
    )
    expect(page.get_by_role("row", name="proxy_test_history_2025_03")).to_be_visible()
    page.set_viewport_size({"width": 380, "height": 800})
    page.wait_for_function("document.documentElement.scrollWidth <= 380")

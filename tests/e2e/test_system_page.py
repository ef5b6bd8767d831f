"""The page of the system in a real browser: processes, charts, another period."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from monitoring.heartbeats.store import Identity, beat_write
from monitoring.metrics.round import metrics_write
from monitoring.metrics.shapes import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture
def database(django_db_blocker: Any, web: WebServer) -> Iterator[None]:
    """The test's database, which the browser's event loop would keep us from."""
    with django_db_blocker.unblock():
        yield


@pytest.mark.usefixtures("database")
def test_processes_and_charts_are_shown_in_every_theme_and_width(
    web: WebServer, page: Page
) -> None:
    beat_write(Identity("box", "worker", "urgent", 4711, 1.0), {})
    now = timezone.now()
    for ago in range(10):
        found = [
            Measurement("host", "cpu", "cpu", 20.0 + ago, "percent", "box"),
            Measurement("worker", "memory", "memory", 150.0, "MB", "box"),
        ]
        metrics_write(found, now - timedelta(seconds=30 * ago))
    page.goto(f"{web.url}/system/")
    expect(page.get_by_role("row", name="urgent")).to_contain_text("4711")
    # The web process that answers has written its own sign of life.
    expect(page.get_by_role("row", name="web-")).to_be_visible()
    canvas = page.locator('[data-chart="machine"] canvas')
    expect(canvas).to_be_visible()
    expect(page.locator('[data-chart="traffic"] .none')).to_be_visible()
    page.click("[data-theme-choice=light]")
    expect(canvas).to_be_visible()
    page.set_viewport_size({"width": 380, "height": 800})
    page.wait_for_function("document.documentElement.scrollWidth <= 380")
    page.click("text=Year")
    expect(page.locator(".segments [aria-current]")).to_have_text("Year")
    expect(canvas).to_be_visible()

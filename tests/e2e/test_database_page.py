"""The page of the servers in a real browser: charts are drawn, in every theme."""

from __future__ import annotations

import math
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from monitoring.database import cache

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
MB = 1024 * 1024


def sample(minute: int) -> dict[str, Any]:
    """Return what may have been measured so many minutes ago."""
    wave = math.sin(minute / 25)
    return {
        "at": round(time.time()) - 60 * minute,
        "size": 180 * MB - minute * 20_000,
        "connections": 14 + round(4 * wave),
        "active": 2 + round(1 * wave),
        "longest": 0.4 + (30 if minute == 50 else 0),
        "commits": 1_000_000 - minute * 900 - round(4_000 * wave),
        "hit": 9_000_000 - minute * 5_000,
        "read": 50_000 - minute * 20,
        "due": 0,
        "overdue": max(0.0, 4 * wave),
        "pool_used": 3 + round(2 * wave),
        "pool_waiting": 0,
        "redis_memory": 22 * MB + round(MB * wave),
        "redis_keys": 420 + round(40 * wave),
        "redis_evicted": 0,
    }


def samples_make() -> None:
    """Keep three hours of samples, with a gap in them."""
    for minute in range(180, 0, -1):
        if not 60 < minute < 75:
            cache.sample_write(sample(minute))


def test_the_charts_are_drawn_and_tell_their_values(web: WebServer, page: Page) -> None:
    samples_make()
    page.goto(f"{web.url}/system/database/")
    charts = page.locator(".chart canvas")
    expect(charts).to_have_count(6)
    page.locator(".chart .u-over").first.hover()
    expect(page.locator(".chart .u-legend").first).to_contain_text("open")
    # A number, and no dash.
    expect(page.locator(".chart .u-legend .u-value").nth(1)).to_have_text(
        re.compile(r"\d")
    )
    page.get_by_role("button", name="Light").click()
    expect(charts).to_have_count(6)
    page.get_by_role("link", name="48 hours").click()
    expect(page.get_by_role("link", name="48 hours")).to_have_attribute(
        "aria-current", "true"
    )
    expect(charts).to_have_count(6)


def test_without_samples_the_page_says_what_is_missing(
    web: WebServer, page: Page
) -> None:
    page.goto(f"{web.url}/system/database/")
    expect(page.locator("#charts")).to_contain_text("measures once a minute")
    expect(page.locator("body")).to_contain_text("notification_history")

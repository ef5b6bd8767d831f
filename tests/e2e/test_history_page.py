"""The history in a real browser: filtering, saving, files, narrow windows, no script."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from django.utils import timezone
from playwright.sync_api import expect

from strategies.models import Strategy
from tests.e2e.conftest import NAME, PASSWORD
from tests.signals_app.outcome_rows import judged, path, stored

if TYPE_CHECKING:
    from uuid import UUID

    from playwright.sync_api import Browser, Page, Route

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
ROWS = ".history tbody tr"
PRICE = 63_210.5


@pytest.fixture
def signals(web: WebServer, django_db_blocker: Any) -> list[UUID]:
    """Sixty signals of two strategies, the newest a minute old."""
    moment = timezone.now().replace(second=0, microsecond=0)
    with django_db_blocker.unblock():
        config = {"pairs": ["BTC/USDT", "ETH/USDT"], "exchange": "binance"}
        both = [Strategy.objects.create(name=n, config=config) for n in ("One", "Two")]
        ids = stored(
            *[
                {
                    "timestamp": moment - timedelta(minutes=n + 1),
                    "pair": ("BTC/USDT", "ETH/USDT")[n % 2],
                    "strategy_id": both[n % 2].pk,
                    "strategy_name": both[n % 2].name,
                    "strength": (91.0, 30.0)[n % 2],
                }
                for n in range(60)
            ]
        )
        judged(ids[10:20], path(PRICE, 0.5, 1.0))
    return ids


def test_fields_filter_as_they_change_and_the_address_follows(
    page: Page, web: WebServer, signals: list[UUID]
) -> None:
    page.goto(f"{web.url}/signals/")
    expect(page.locator(ROWS)).to_have_count(50)

    page.fill("#f-pair", "eth")
    expect(page.locator(ROWS)).to_have_count(30)
    expect(page).to_have_url(f"{web.url}/signals/?period=7d&pair=eth")
    expect(page.locator("#f-pair")).to_be_focused()

    page.click("#pick-strategy > summary")
    page.get_by_role("checkbox", name="One").check()
    expect(page.locator(".empty")).to_contain_text("No signal fits")
    expect(page.locator("#f-strategies")).to_have_text("One")
    page.get_by_role("checkbox", name="Two").check()
    expect(page.locator(ROWS)).to_have_count(30)
    expect(page.locator("#f-strategies")).to_have_text("One +1")
    page.keyboard.press("Escape")
    expect(page.locator("#pick-strategy")).not_to_have_attribute("open", "")

    page.get_by_role("link", name="24 hours").click()
    expect(page).to_have_url(
        f"{web.url}/signals/?period=24h&strategy=One&strategy=Two&pair=eth"
    )
    page.reload()
    expect(page.locator(ROWS)).to_have_count(30)
    expect(page.locator("#f-pair")).to_have_value("eth")


def test_older_signals_come_page_by_page_and_back_returns(
    page: Page, web: WebServer, signals: list[UUID]
) -> None:
    page.goto(f"{web.url}/signals/")
    page.get_by_role("link", name="Older").click()
    expect(page.locator(ROWS)).to_have_count(10)
    expect(page.locator(f"[data-id='{signals[-1]}']")).to_be_visible()
    page.go_back()
    expect(page.locator(ROWS)).to_have_count(50)
    expect(page.locator(f"[data-id='{signals[0]}']")).to_be_visible()


def test_a_wrong_value_is_told_and_corrected(
    page: Page, web: WebServer, signals: list[UUID]
) -> None:
    page.goto(f"{web.url}/signals/?strength_from=abc")
    expect(page.get_by_role("alert")).to_contain_text("Strength from “abc”")
    page.fill("#f-strength-from", "120")
    expect(page.locator("#found [role=alert]")).to_contain_text("“120”")
    page.fill("#f-strength-from", "50")
    expect(page.locator(ROWS)).to_have_count(30)


def test_a_server_that_is_away_is_told(
    page: Page, web: WebServer, signals: list[UUID]
) -> None:
    page.goto(f"{web.url}/signals/")
    page.route("**/signals/?*", lambda route: route.abort())
    page.select_option("#f-level", "strong")
    expect(page.locator("#away")).to_be_visible()
    expect(page.locator(ROWS)).to_have_count(50)
    page.unroute("**/signals/?*")
    page.select_option("#f-level", "weak")
    expect(page.locator("#away")).to_be_hidden()
    expect(page.locator(ROWS)).to_have_count(30)


def test_a_filter_is_saved_loaded_and_deleted(
    page: Page, web: WebServer, signals: list[UUID]
) -> None:
    page.goto(f"{web.url}/signals/?period=24h")
    page.select_option("#f-level", "strong")
    expect(page.locator(ROWS)).to_have_count(30)
    page.click(".saved > summary")
    page.fill("#save-name", "Strong ones")
    page.get_by_role("checkbox", name="The page opens with it").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".message-success")).to_have_text("Saved as “Strong ones”.")

    page.get_by_role("link", name="History", exact=True).first.click()
    expect(page).to_have_url(f"{web.url}/signals/?period=24h&level=strong")
    page.get_by_role("link", name="Reset").click()
    expect(page.locator(ROWS)).to_have_count(50)
    page.click(".saved > summary")
    page.get_by_role("link", name="Strong ones").click()
    expect(page.locator(ROWS)).to_have_count(30)
    expect(page.locator("#f-level")).to_have_value("strong")

    page.click(".saved > summary")
    page.click(".saved-list details > summary")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".message-success")).to_contain_text("was deleted")


def test_files_are_downloaded_whole(
    page: Page, web: WebServer, signals: list[UUID]
) -> None:
    page.goto(f"{web.url}/signals/?period=7d&pair=btc")
    for name, suffix in (("CSV for Excel", "csv"), ("JSON Lines", "jsonl")):
        page.click(".drop:not(.saved) > summary")
        with page.expect_download() as started:
            page.get_by_role("link", name=name).click()
        file = started.value
        assert file.suggested_filename.startswith("signals_20")
        assert file.suggested_filename.endswith(suffix)
        content = Path(file.path()).read_text("utf-8-sig")
        if suffix == "csv":
            ids = [row["id"] for row in csv.DictReader(content.splitlines())]
        else:
            ids = [orjson.loads(line)["id"] for line in content.splitlines()]
        assert ids == [str(each) for each in signals[::2]]
        page.keyboard.press("Escape")


@pytest.mark.parametrize("width", [380, 1920])
def test_it_fits_the_window(
    page: Page, web: WebServer, signals: list[UUID], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for address in ("/signals/?first=1&from=2026-11-01", f"/signals/{signals[12]}/"):
        page.goto(f"{web.url}{address}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"{web.url}/signals/")
    for opened in ("#pick-strategy", ".saved", ".drop:not(.saved)"):
        page.click(f"{opened} > summary")
        box = page.locator(f"{opened} .pick-box").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        page.keyboard.press("Escape")


def test_without_a_script_the_form_and_the_links_work(
    web: WebServer, browser: Browser, signals: list[UUID]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{web.url}/signals/")
    page.fill("input[name=username]", NAME)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.select_option("#f-level", "strong")
    page.click("#filters button")
    expect(page.locator(ROWS)).to_have_count(30)
    page.click(".saved > summary")
    page.fill("#save-name", "mine")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".message-success")).to_have_text("Saved as “mine”.")
    page.get_by_role("link", name="Reset").click()
    page.get_by_role("link", name="Older").click()
    expect(page.locator(ROWS)).to_have_count(10)
    context.close()


def test_the_page_of_a_signal_draws_the_candles_around_it(
    page: Page, web: WebServer, signals: list[UUID]
) -> None:
    asked: list[str] = []

    def candles(route: Route) -> None:
        asked.append(route.request.url)
        until = int(route.request.url.partition("until=")[2].partition("&")[0])
        rows = [
            [until - back * 60_000, 100 + back % 7, 110, 95, 103, 5, 1]
            for back in range(160, 0, -1)
        ]
        body = {"candles": rows, "message": ""}
        route.fulfill(status=200, json=body)

    page.route("**/charts/candles/?*", candles)
    page.goto(f"{web.url}/signals/{signals[12]}/")
    expect(page.locator("#signal-chart [data-status]")).to_be_hidden()
    expect(page.locator("#signal-chart canvas").first).to_be_visible()
    assert "timeframe=1m" in asked[0]
    page.mouse.move(0, 0)
    page.hover("#signal-chart [data-box]")
    expect(page.locator("[data-readout]")).to_contain_text("110")

    page.unroute("**/charts/candles/?*")
    page.reload()
    # No bot runs here: the reason takes the place of the drawing.
    expect(page.locator("#signal-chart [data-kind=none]")).to_be_visible()
    expect(page.locator("#signal-chart [data-box]")).to_be_hidden()

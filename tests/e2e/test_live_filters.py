"""Filters, sound and keys of the live page in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from signals_app.services import signals_record
from tests.e2e.system import until
from tests.signals_app.factories import candidate

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
ROWS = "#signals tbody tr"
# Stands in for the browser's own, which a headless one refuses.
NOTIFICATIONS = """
window.shown = [];
window.Notification = class {
  static permission = "granted";
  static async requestPermission() { return "granted"; }
  constructor(title, options) { window.shown.push(`${title} | ${options.body}`); }
  close() {}
};
document.hasFocus = () => false;
"""


@pytest.fixture
def record(django_db_blocker: Any) -> Callable[..., None]:
    def several(*pairs: str, **changes: Any) -> None:
        now = timezone.now().replace(microsecond=0)
        with django_db_blocker.unblock():
            signals_record(
                [candidate(pair=pair, timestamp=now, **changes) for pair in pairs]
            )

    return several


def test_a_filter_stands_in_the_address_and_holds_for_what_arrives(
    page: Page, web: WebServer, record: Callable[..., None]
) -> None:
    record("BTC/USDT", "ETH/USDT", strength=91.0)
    expect(page.locator(ROWS)).to_have_count(2)

    page.keyboard.press("/")
    page.keyboard.type("btc")
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page).to_have_url(f"{web.url}/?pair=btc")

    record("SOL/USDT", "WBTC/USDT", strength=91.0)
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.locator("#signals")).to_contain_text("WBTC")
    expect(page.locator("#signals")).not_to_contain_text("SOL")

    page.select_option("#f-level", "weak")
    expect(page.locator("#empty-filtered")).to_be_visible()
    record("BTC/EUR", strength=25.0)
    expect(page.locator(ROWS)).to_have_count(1)
    page.reload()
    expect(page.locator("#f-level")).to_have_value("weak")
    expect(page.locator(ROWS)).to_have_count(1)

    page.click("#reset")
    expect(page.locator(ROWS)).to_have_count(5)
    expect(page).to_have_url(f"{web.url}/")


def test_sound_and_notifications_are_off_until_somebody_wants_them(
    page: Page, record: Callable[..., None]
) -> None:
    page.add_init_script(NOTIFICATIONS)
    page.reload()
    expect(page.locator("#connection")).to_have_attribute("data-state", "online")
    record("BTC/USDT", strength=91.0)
    expect(page.locator(ROWS)).to_have_count(1)
    assert page.evaluate(
        "[window.shown.length, document.documentElement.dataset.called]"
    ) == [0, None]

    page.click("#calls summary")
    page.check("#c-sound")
    page.check("#c-notify")
    expect(page.locator("#calls-on")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".calls-box")).to_be_hidden()
    record("WEAK/USDT", strength=25.0)
    expect(page.locator(ROWS)).to_have_count(2)
    record("ETH/USDT", strength=88.0)
    until(lambda: page.evaluate("window.shown.length") == 1, "the notification")
    assert page.evaluate("window.shown[0]").startswith("buy ETH/USDT · strong 88 | ema")
    assert page.evaluate("document.documentElement.dataset.called") == "BUY"

    page.reload()
    expect(page.locator("#c-sound")).to_be_checked()


def test_keys_go_through_the_list(page: Page, record: Callable[..., None]) -> None:
    record("ONE/USDT", "TWO/USDT")
    expect(page.locator(ROWS)).to_have_count(2)

    page.keyboard.press("j")
    page.keyboard.press("j")
    focused = "document.activeElement.closest('tr').rowIndex"
    assert page.evaluate(focused) == 2
    page.keyboard.press("k")
    assert page.evaluate(focused) == 1
    page.keyboard.press("m")
    expect(page.locator("#c-sound")).to_be_checked()
    page.keyboard.press("Enter")
    page.wait_for_url("**/signals/*/")


def test_keys_are_listed_and_can_be_switched_off(
    page: Page, web: WebServer, record: Callable[..., None]
) -> None:
    record("ONE/USDT")
    expect(page.locator(ROWS)).to_have_count(1)
    dialog, button = page.locator("#keys-help"), page.locator("#keys-button")

    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("search a pair")
    # What is behind the dialog hears nothing.
    page.keyboard.press("m")
    expect(page.locator("#c-sound")).not_to_be_checked()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.locator("#f-pair").press("?")
    expect(page.locator("#f-pair")).to_have_value("?")
    expect(dialog).to_be_hidden()

    button.click()
    dialog.get_by_role("link", name="Your settings").click()
    page.uncheck("input[name=shortcuts]")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".message-success")).to_be_visible()
    page.goto(f"{web.url}/")
    expect(page.locator(ROWS)).to_have_count(1)
    for key in ("?", "m", "j"):
        page.keyboard.press(key)
    expect(page.locator("#c-sound")).not_to_be_checked()
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    expect(dialog).to_be_hidden()
    button.click()
    expect(dialog).to_contain_text("switched off")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


@pytest.mark.parametrize("width", [380, 1920])
def test_the_filters_fit_the_window(
    page: Page, record: Callable[..., None], width: int
) -> None:
    record("BTC/USDT", "ETH/USDT", "SOL/USDT")
    page.set_viewport_size({"width": width, "height": 900})
    page.click("#calls summary")
    expect(page.locator(".calls-box")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator(".calls-box").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width

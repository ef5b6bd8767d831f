"""The strategy editor in a real browser. No supervisor runs: trials end by the service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from strategies.services import draft_publish, trial_state_set
from tests.e2e.conftest import NAME
from tests.freqtrade_mgmt.editing import draft_of, running

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from strategies.models import Strategy
    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def saved(page: Page) -> None:
    expect(page.locator("#save-state")).to_have_attribute("data-state", "saved")


def begin(page: Page, web: WebServer, template: str = "ma_cross") -> Strategy:
    page.goto(f"{web.url}/strategies/new/")
    page.click(f"button[name=template][value={template}]")
    page.wait_for_url(re.compile(r"/strategies/drafts/\d+/$"))
    saved(page)
    return draft_of(page.url)


def typed(page: Page, name: str, text: str) -> None:
    """Type into a field and leave it, and wait until that is saved."""
    page.fill(f"#editor [name={name}]", text)
    page.press(f"#editor [name={name}]", "Tab")
    expect(page.locator("#save-state")).not_to_have_attribute("data-state", "saved")
    saved(page)


def test_a_template_becomes_a_strategy(page: Page, web: WebServer) -> None:
    draft = begin(page, web)
    typed(page, "name", "My cross")
    typed(page, "p_fast", "7")
    expect(page.locator("#title")).to_have_text("My cross")
    assert "fast = 7" in page.input_value("#generated")

    page.reload()

    assert page.input_value("[name=name]") == "My cross"
    assert page.input_value("[name=p_fast]") == "7"
    draft.refresh_from_db()
    assert draft.config["template"]["parameters"]["fast"] == 7
    assert "fast = 7" in draft.config["code"]

    page.click("button[value=publish]")
    expect(page.locator("#trial .now")).to_have_text("Waiting for the supervisor")
    assert trial_state_set(draft.pk, "running")
    expect(page.locator("#trial .now")).to_contain_text("freqtrade")
    assert trial_state_set(
        draft.pk, "passed", warnings=["It set no mark on these candles."]
    )
    draft_publish(draft.pk)

    page.wait_for_url(f"{web.url}/strategies/{draft.pk}/")
    expect(page.locator("main")).to_contain_text("“My cross” is published as v1.0.")
    expect(page.locator("main")).to_contain_text("It set no mark on these candles.")


def test_a_supervisor_that_is_away_is_named_and_a_failed_check_leads_back(
    page: Page, web: WebServer
) -> None:
    draft = begin(page, web)
    page.click("button[value=publish]")
    expect(page.locator("#trial .now")).to_be_visible()
    expect(page.locator("#trial")).to_contain_text(
        "Is the supervisor running?", timeout=20_000
    )
    trial_state_set(draft.pk, "running")
    trial_state_set(draft.pk, "failed", reason="It needs a module <b>.")
    expect(page.locator("#trial .reason")).to_have_text("It needs a module <b>.")

    page.click("text=Back to the editor")

    expect(page.locator("main")).to_contain_text("It needs a module <b>.")


def test_what_is_wrong_is_said_beside_its_field_and_kept(
    page: Page, web: WebServer
) -> None:
    begin(page, web)
    typed(page, "pairs", "BTCUSDT")
    typed(page, "p_fast", "90")
    for name, sentence in (
        ("pairs", "“BTCUSDT” is not a trading pair. Write it like BTC/USDT."),
        ("p_fast", "The fast average must be shorter than the slow one."),
    ):
        box = page.locator(f"[data-field={name}]")
        expect(box.locator(".errorlist")).to_have_text(sentence)
    expect(page.locator("#wrong li")).to_have_text(["Pairs", "Fast average"])

    page.reload()

    assert page.input_value("[name=pairs]") == "BTCUSDT"
    assert page.input_value("[name=p_fast]") == "90"
    expect(page.locator("#wrong li")).to_have_count(2)
    typed(page, "pairs", "btc-usdt, eth/usdt")
    expect(page.locator("[data-field=pairs] .errorlist")).to_have_count(0)


def test_two_tabs_never_overwrite_each_other_silently(
    page: Page, web: WebServer
) -> None:
    draft = begin(page, web)
    second = page.context.new_page()
    second.goto(page.url)
    typed(page, "name", "First")

    second.fill("[name=name]", "Second")

    expect(second.locator("#conflict")).to_contain_text(f"{NAME} saved this draft at")
    assert second.input_value("[name=name]") == "Second"
    draft.refresh_from_db()
    assert draft.name == "First"
    second.click("#conflict [data-overwrite]")
    saved(second)
    draft.refresh_from_db()
    assert draft.name == "Second"


def test_a_server_that_is_away_costs_nothing(page: Page, web: WebServer) -> None:
    draft = begin(page, web)
    web.kill()
    page.fill("[name=name]", "Through the storm")
    expect(page.locator("#save-state")).to_contain_text("no connection")

    web.start()

    expect(page.locator("#save-state")).to_have_attribute(
        "data-state", "saved", timeout=20_000
    )
    draft.refresh_from_db()
    assert draft.name == "Through the storm"


def test_the_code_field_indents_and_can_be_left(page: Page, web: WebServer) -> None:
    page.goto(f"{web.url}/strategies/{running().pk}/edit/")
    page.wait_for_url(re.compile("/drafts/"))
    area = page.locator("textarea[name=code]")
    area.fill("class A:")
    area.press("End")
    area.press("Enter")
    area.press_sequentially("x = 1")
    assert area.input_value() == "class A:\n    x = 1"
    expect(page.locator(".gutter")).to_have_text("1\n2", use_inner_text=True)
    area.press("Shift+Tab")
    assert area.input_value() == "class A:\nx = 1"
    area.press("Control+a")
    area.press("Tab")
    assert area.input_value() == "    class A:\n    x = 1"
    area.press("Control+z")
    assert area.input_value() == "class A:\nx = 1"

    area.press("Escape")
    area.press("Tab")

    expect(area).not_to_be_focused()
    expect(page.locator("[data-field=code] .errorlist")).to_contain_text("line 2")


def test_an_upload_replaces_the_code(page: Page, web: WebServer) -> None:
    strategy = running()
    page.goto(f"{web.url}/strategies/{strategy.pk}/edit/")
    page.wait_for_url(re.compile("/drafts/"))
    expect(page.locator("#use-file")).to_be_hidden()
    code = strategy.config["code"].replace("DipBuyer", "PeakSeller")
    page.set_input_files(
        "#file",
        {"name": "peak.py", "mimeType": "text/x-python", "buffer": code.encode()},
    )

    page.click("#use-file")

    expect(page.locator("main")).to_contain_text("The code is that of peak.py.")
    expect(page.locator("#class-name")).to_have_text("PeakSeller")


@pytest.mark.parametrize("width", [380, 1440])
def test_the_pages_fit_their_window(page: Page, web: WebServer, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    fits = "document.documentElement.scrollWidth"
    page.goto(f"{web.url}/strategies/new/")
    assert page.evaluate(fits) <= width
    begin(page, web, "confirmed")
    page.locator(".generated summary").click()
    assert page.evaluate(fits) <= width
    page.goto(f"{web.url}/strategies/{running().pk}/edit/")
    page.wait_for_url(re.compile("/drafts/"))
    assert page.evaluate(fits) <= width


def test_without_javascript_buttons_do_it(
    page: Page, web: WebServer, browser: Any
) -> None:
    draft = begin(page, web)
    plain = browser.new_context(
        java_script_enabled=False, storage_state=page.context.storage_state()
    )
    tab = plain.new_page()
    tab.goto(page.url)
    tab.fill("[name=name]", "By hand")
    tab.press("[name=name]", "Enter")
    expect(tab.locator("main")).to_contain_text("The draft is saved.")
    draft.refresh_from_db()
    assert draft.name == "By hand"
    plain.close()

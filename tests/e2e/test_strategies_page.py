"""The pages of strategies in a real browser: what a person is doing is not disturbed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from strategies.models import Strategy, StrategyProcess
from strategies.services import health_merge
from tests.e2e.system import until
from tests.strategies.pages import healthy, made, put, running

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


def row(page: Page, strategy: Strategy) -> Any:
    return page.locator(f'tr[data-key="s{strategy.pk}"]')


def refresh(page: Page) -> None:
    """Fetch the changing parts now instead of after ten seconds, and wait for them."""
    page.evaluate(
        """() => new Promise((done) => {
            document.addEventListener("refreshed", done, { once: true });
            document.querySelector("[data-refresh]").dispatchEvent(new Event("refresh-now"));
        })"""
    )


def test_a_refresh_keeps_ticks_focus_open_reasons_and_scroll(
    web: WebServer, page: Page, database: None
) -> None:
    strategies = [running(f"strategy {number:02}") for number in range(40)]
    reason = {"code": "errors", "values": {"count": 1, "minutes": 5, "words": "x"}}
    watched = strategies[30]
    health_merge(
        watched.pk, {"health": healthy(score=90, reasons=[reason | {"cost": 10}])}
    )
    page.goto(f"{web.url}/strategies/")
    for strategy in strategies[28:31]:
        row(page, strategy).locator("input[name=ids]").check()
    expect(page.locator("#bulk label")).to_have_text("3 chosen")
    row(page, watched).locator("summary").click()
    stop = row(page, watched).locator("button[value=stop]")
    stop.focus()
    place = page.evaluate("scrollY")
    assert place > 0

    put(strategies[29], "error", reason="Its file has a syntax error.")
    health_merge(
        watched.pk, {"health": healthy(signals_24h=77, reasons=[reason | {"cost": 12}])}
    )
    made("another one")
    refresh(page)

    expect(row(page, strategies[29])).to_contain_text("Its file has a syntax error.")
    expect(row(page, watched)).to_contain_text("77")
    expect(row(page, watched).locator("details")).to_have_attribute("open", "")
    expect(stop).to_be_focused()
    expect(page.locator("#bulk label")).to_have_text("3 chosen")
    ticked = page.locator("input[name=ids]:checked")
    assert ticked.evaluate_all("boxes => boxes.map((box) => box.value)") == [
        str(strategy.pk) for strategy in strategies[28:31]
    ]
    # The one row that came above may move the page, but never to its top.
    assert abs(page.evaluate("scrollY") - place) < 200
    expect(page.get_by_role("link", name="another one")).to_be_visible()


def test_the_list_refreshes_itself_and_says_when_it_cannot(
    web: WebServer, page: Page, database: None
) -> None:
    strategy = put(made("one"), "starting")  # then it asks every three seconds
    page.goto(f"{web.url}/strategies/")
    expect(row(page, strategy)).to_contain_text("starting")
    expect(page.locator("#freshness")).to_have_attribute("data-state", "online")
    put(strategy, "error", reason="No freqtrade is installed.")
    expect(row(page, strategy)).to_contain_text("No freqtrade", timeout=10_000)

    page.context.set_offline(True)
    page.evaluate(
        "document.querySelector('[data-refresh]').dispatchEvent(new Event('refresh-now'))"
    )
    expect(page.locator("#freshness")).to_contain_text("Not updated since")
    expect(page.locator("#freshness")).to_have_attribute("data-state", "offline")
    page.context.set_offline(False)
    expect(page.locator("#freshness")).to_have_text("Up to date")


def test_running_is_taken_back_while_one_looks_on(
    web: WebServer, page: Page, database: None
) -> None:
    strategy = running("one")
    page.goto(f"{web.url}/strategies/{strategy.pk}/")
    expect(page.locator("#head .state")).to_have_text("running")
    StrategyProcess.objects.filter(strategy=strategy).update(
        last_heartbeat=timezone.now() - timedelta(seconds=70)
    )
    refresh(page)
    expect(page.locator("#head .state")).to_have_text("unconfirmed")
    expect(page.locator("#now .message")).to_contain_text("Is the supervisor running?")


def test_many_are_changed_at_once_after_a_question(
    web: WebServer, page: Page, database: None
) -> None:
    strategies = [running(f"bot {number}") for number in range(3)]
    page.goto(f"{web.url}/strategies/")
    stop = page.locator("#bulk button[value=stop]")
    expect(stop).to_be_disabled()
    page.locator("#all").check()
    expect(page.locator("#bulk label")).to_have_text("3 chosen")
    row(page, strategies[0]).locator("input[name=ids]").uncheck()

    stop.click()
    question = page.locator("#ask")
    expect(question).to_contain_text("Stop the 2 chosen strategies?")
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_be_hidden()
    assert not Strategy.objects.filter(status="stopping").exists()

    stop.click()
    question.get_by_role("button", name="Yes, do it").click()
    expect(page.locator(".messages")).to_contain_text("2 strategies are being stopped.")
    until(
        lambda: Strategy.objects.filter(status="stopping").count() == 2,
        "the stop of two",
    )
    expect(row(page, strategies[0])).to_contain_text("running")
    expect(row(page, strategies[1])).to_contain_text("stopping")


def test_shift_ticks_a_whole_range(web: WebServer, page: Page, database: None) -> None:
    strategies = [made(f"bot {number}") for number in range(6)]
    page.goto(f"{web.url}/strategies/")
    row(page, strategies[1]).locator("input[name=ids]").click()
    row(page, strategies[4]).locator("input[name=ids]").click(modifiers=["Shift"])
    expect(page.locator("#bulk label")).to_have_text("4 chosen")


def test_the_search_works_while_one_types_and_is_in_the_address(
    web: WebServer, page: Page, database: None
) -> None:
    made("ema cross")
    other = made("rsi", config={"pairs": ["SOL/USDT"]})
    page.goto(f"{web.url}/strategies/")
    page.locator("#f-q").press_sequentially("sol")
    expect(page.locator("tbody tr[data-key]")).to_have_count(1)
    expect(row(page, other)).to_be_visible()
    assert page.url.endswith("/strategies/?q=sol")
    expect(page.locator("#f-q")).to_be_focused()
    row(page, other).locator("button[value=start]").click()
    expect(page.locator(".messages")).to_contain_text("'rsi' is being started.")
    assert page.url.endswith("/strategies/?q=sol")


def test_a_strategy_s_page_brings_its_parts_and_draws_its_health(
    web: WebServer, page: Page, database: None
) -> None:
    strategy = running("one")
    now = int(timezone.now().timestamp()) // 300 * 300
    history = [[now - 300 * step, 100 - step] for step in range(40, 0, -1)]
    Strategy.objects.filter(pk=strategy.pk).update(
        performance_metrics={"health_history": history}
    )
    page.goto(f"{web.url}/strategies/{strategy.pk}/")
    expect(page.locator(".spark svg polyline")).to_have_count(1)
    expect(page.locator("#signals")).to_contain_text("No signals")
    expect(page.locator("#log [data-log]")).to_be_visible()
    expect(page.locator("#code pre")).to_be_hidden()
    page.locator("#code summary").click()
    expect(page.locator("#code pre")).to_contain_text("class Cross(IStrategy):")
    for path in (
        "",
        f"{strategy.pk}/",
        f"{strategy.pk}/versions/",
        f"{strategy.pk}/trading/",
    ):
        page.goto(f"{web.url}/strategies/{path}")
        page.set_viewport_size({"width": 380, "height": 800})
        page.wait_for_function("document.documentElement.scrollWidth <= 380")

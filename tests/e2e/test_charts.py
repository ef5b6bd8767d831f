"""The chart page and the live log in a real browser, with bots on loopback."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from signals_app.services import signals_record
from strategies.models import Strategy
from tests.freqtrade_mgmt.candle_bot import CandleBot, candle_lasts, running, walk
from tests.signals_app.factories import candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import ConsoleMessage, Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
PAIR = "BTC/USDT"
COUNT = 1_600
TEST = 45.0  # Seconds that the longest test takes.


def make(name: str, **changes: Any) -> Strategy:
    config = {"exchange": "simulated", "pairs": [PAIR], "timeframe": "5m"}
    fields = {"status": "running", **changes}
    return Strategy.objects.create(name=name, config=config, **fields)


@pytest.fixture
def strategies(page: Page) -> list[Strategy]:
    """Two strategies that watch the same pair."""
    return [make("ema cross"), make("rsi dip")]


@pytest.fixture
def bot(strategies: list[Strategy], web: WebServer) -> Iterator[CandleBot]:
    """The running bot of the first strategy."""
    candle_lasts(TEST)
    bot = CandleBot(strategies[0].pk)
    bot.candles[PAIR] = walk(COUNT, "5m")
    with running(bot):
        bot.write_folder(web.home)
        yield bot


@pytest.fixture
def signal(bot: CandleBot, strategies: list[Strategy]) -> Callable[..., str]:
    """Record a signal on the candle that closed ``ago`` candles ago; return its id."""

    def one(ago: int, *, of: int = 0, **changes: Any) -> str:
        opened, price = bot.candles[PAIR][-1 - ago][0], bot.candles[PAIR][-1 - ago][4]
        moment = datetime.fromtimestamp(opened / 1000, UTC) + timedelta(minutes=5)
        made = candidate(
            strategy_id=strategies[of].pk,
            strategy_name=strategies[of].name,
            timeframe="5m",
            timestamp=moment,
            price=price,
            **changes,
        )
        ((identifier, word),) = signals_record([made]).answers
        assert word == "created", word
        return str(identifier)

    return one


@pytest.fixture
def chart(
    page: Page, web: WebServer, strategies: list[Strategy], bot: CandleBot
) -> Callable[..., None]:
    """Open the chart of the first strategy and wait for its candles."""
    assert bot.port
    refused: list[str] = []

    def listen(said: ConsoleMessage) -> None:
        if said.type == "error":
            refused.append(said.text)

    page.on("console", listen)

    def open_it(**query: str) -> None:
        more = "".join(f"&{name}={value}" for name, value in query.items())
        page.goto(f"{web.url}/charts/?strategy={strategies[0].pk}{more}")
        expect(page.locator("#readout")).to_contain_text("Vol")
        expect(page.locator("#connection")).to_have_attribute("data-state", "online")
        assert not refused, refused

    return open_it


def listed(page: Page) -> Any:
    return page.locator("#signal-list button")


def test_candles_and_the_signals_of_all_strategies_are_drawn(
    page: Page, chart: Callable[..., None], signal: Callable[..., str]
) -> None:
    signal(3)
    signal(5, of=1, mark="exit_long", signal_type="SELL")

    chart()

    expect(page.locator("#status")).to_be_hidden()
    expect(page.locator("#source")).to_have_text("5m candles of the bot of ema cross")
    expect(listed(page)).to_have_count(2)
    rows = page.locator("#legend .legend-row")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text(re.compile(r"A\s*ema cross\s*1"))
    expect(rows.nth(1)).to_contain_text(re.compile(r"B\s*rsi dip\s*1"))


def test_a_strategy_is_hidden_by_its_name_and_stays_hidden(
    page: Page, chart: Callable[..., None], signal: Callable[..., str]
) -> None:
    signal(3)
    signal(5, of=1)
    chart()

    page.get_by_role("checkbox", name="rsi dip").uncheck()
    expect(listed(page)).to_have_count(1)
    page.reload()

    expect(page.get_by_role("checkbox", name="rsi dip")).not_to_be_checked()
    expect(listed(page)).to_have_count(1)
    page.get_by_role("checkbox", name="rsi dip").check()
    expect(listed(page)).to_have_count(2)


def test_a_click_on_a_mark_shows_the_signal_with_its_link(
    page: Page, chart: Callable[..., None], signal: Callable[..., str]
) -> None:
    identifier = signal(8, tag="dip-of-the-day")
    chart()
    expect(listed(page)).to_have_count(1)
    box = page.locator("#chart").bounding_box()
    assert box is not None

    # Where the mark stands follows from the prices: look for the hand.
    def hovers() -> bool:
        for x in range(int(box["width"]) - 260, int(box["width"]) - 60, 4):
            for y in range(20, int(box["height"] * 0.8), 8):
                page.mouse.move(box["x"] + x, box["y"] + y)
                if page.locator("#chart.on-mark").count():
                    page.mouse.click(box["x"] + x, box["y"] + y)
                    return True
        return False

    assert hovers(), "no mark was found"
    panel = page.locator("#panel")
    expect(panel).to_contain_text("dip-of-the-day")
    panel.get_by_role("link").click()
    page.wait_for_url(f"**/signals/{identifier}/")


def test_the_keyboard_goes_from_signal_to_signal(
    page: Page, chart: Callable[..., None], signal: Callable[..., str]
) -> None:
    signal(200, tag="older")
    signal(3, tag="newer")
    chart()
    expect(listed(page)).to_have_count(1)

    page.locator("#chart").focus()
    page.keyboard.press("p")
    expect(page.locator("#panel")).to_contain_text("newer")
    page.keyboard.press("p")
    expect(page.locator("#panel")).to_contain_text("older")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()


def test_new_signals_and_new_candles_arrive_by_themselves(
    page: Page,
    chart: Callable[..., None],
    signal: Callable[..., str],
    bot: CandleBot,
) -> None:
    # A bot that is one candle behind: the page asks again soon, and only then.
    newest = bot.candles[PAIR].pop()
    chart()
    expect(page.locator("#status")).to_contain_text("behind")
    price = f"{newest[4]:.2f}"
    expect(page.locator("#readout")).not_to_contain_text(f"C {price}")

    bot.candles[PAIR].append(newest)
    signal(0, tag="fresh")

    expect(listed(page).first).to_be_visible()
    expect(page.locator("#readout")).to_contain_text(f"C {price}", timeout=15_000)
    expect(page.locator("#status")).to_be_hidden()


def test_the_timeframe_switches_in_place_and_in_the_address(
    page: Page, chart: Callable[..., None], signal: Callable[..., str]
) -> None:
    signal(3)
    chart()

    page.get_by_role("button", name="1h", exact=True).click()

    expect(page.locator("#source")).to_have_text(
        "1h candles made from the 5m candles of the bot of ema cross"
    )
    expect(page).to_have_url(re.compile(r"timeframe=1h"))
    expect(listed(page)).to_have_count(1)
    page.go_back()
    expect(page.locator("#source")).to_have_text("5m candles of the bot of ema cross")


def test_older_candles_come_until_the_window_ends_and_the_page_says_so(
    page: Page, chart: Callable[..., None], signal: Callable[..., str], bot: CandleBot
) -> None:
    signal(COUNT - 5, tag="the eldest")
    chart()
    expect(listed(page)).to_have_count(0)

    page.locator("#chart").focus()
    for _ in range(2):
        page.keyboard.press("Home")
        page.wait_for_timeout(300)
    for _ in range(3):
        page.keyboard.press("ArrowLeft")

    expect(page.locator("#edge")).to_contain_text("candles begin here")
    expect(listed(page)).to_have_count(1)
    assert bot.asked == 1


def test_one_goes_to_a_date_or_is_told_that_it_is_too_far(
    page: Page, chart: Callable[..., None], signal: Callable[..., str]
) -> None:
    identifier = signal(1_400, tag="that day")
    chart()
    signal_time = page.evaluate(
        "async (id) => (await (await fetch(`/charts/markers/?exchange=simulated"
        "&pair=BTC/USDT&since=0&until=${Date.now()}`)).json()).markers"
        ".find((one) => one.id === id).timestamp",
        identifier,
    )

    page.fill("#date", signal_time[:16])
    page.click("#go")
    expect(listed(page)).to_have_count(1)

    page.fill("#date", "2020-01-01T00:00")
    page.click("#go")
    expect(page.locator("#edge")).to_contain_text("keeps no candles before")


def test_a_stopped_bot_is_told_and_its_last_candles_stay(
    page: Page, chart: Callable[..., None], strategies: list[Strategy]
) -> None:
    chart()
    Strategy.objects.update(status="stopped")
    page.reload()
    # Redis may still hold the frame that is good now; nobody asks for a stopped bot.
    expect(page.locator("#status")).to_contain_text("is stopped")
    expect(page.locator("#status")).to_contain_text("were read at")
    expect(page.locator("#readout")).to_contain_text("Vol")


@pytest.mark.parametrize("width", [380, 1440])
def test_the_chart_fits_its_window(
    page: Page, chart: Callable[..., None], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    chart()
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    box = page.locator("#chart").bounding_box()
    assert box is not None
    assert box["height"] >= 300


def test_the_theme_changes_the_chart(page: Page, chart: Callable[..., None]) -> None:
    chart()
    pixel = (
        "() => { const canvas = document.querySelector('#chart canvas');"
        " return [...canvas.getContext('2d').getImageData(4, 4, 1, 1).data]; }"
    )
    page.click("[data-theme-choice=dark]")
    page.wait_for_timeout(300)
    dark = page.evaluate(pixel)
    page.click("[data-theme-choice=light]")
    page.wait_for_timeout(300)
    assert sum(page.evaluate(pixel)[:3]) > sum(dark[:3]) + 200


# -- The live log ------------------------------------------------------------------


@pytest.fixture
def log(page: Page, web: WebServer) -> Callable[[str], None]:
    """Write to the log of a bot whose log page is open."""
    row = make("talker")
    path = web.home / "bots" / str(row.pk) / "logs" / "freqtrade.log"
    path.parent.mkdir(parents=True)
    path.write_text("")

    def write(text: str, level: str = "INFO") -> None:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{stamp},000 - freqtrade.worker - {level} - {text}\n")

    page.goto(f"{web.url}/strategies/{row.pk}/log/")
    expect(page.locator("[data-empty]")).to_contain_text("Nothing written yet")
    return write


def test_lines_appear_as_they_are_written(page: Page, log: Callable[..., None]) -> None:
    log("hello <b>trader</b> token=abc")
    log("all is lost", "ERROR")

    lines = page.locator(".log-line")
    expect(lines).to_have_count(2)
    expect(lines.nth(0)).to_contain_text("hello <b>trader</b> token=***")
    expect(page.locator(".log-line.error")).to_contain_text("all is lost")

    page.select_option("[data-level]", label="errors")
    expect(lines).to_have_count(1)
    page.get_by_role("button", name="Console").click()
    expect(page.locator("[data-empty]")).to_contain_text("No line fits")


def test_a_pause_holds_lines_back_and_the_newest_are_a_click_away(
    page: Page, log: Callable[..., None]
) -> None:
    for number in range(60):
        log(f"line {number}")
    expect(page.locator(".log-line")).to_have_count(60)
    page.get_by_role("button", name="Pause").click()
    log("while paused")
    expect(page.get_by_role("button", name="Resume (1 new)")).to_be_visible()
    expect(page.locator(".log-line")).to_have_count(60)

    page.locator("[data-lines]").evaluate("(box) => { box.scrollTop = 0; }")
    page.get_by_role("button", name="Jump to newest").click()

    expect(page.locator(".log-line")).to_have_count(61)
    expect(page.locator(".log-line").last).to_be_in_viewport()
    expect(page.get_by_role("button", name="Jump to newest")).to_be_hidden()

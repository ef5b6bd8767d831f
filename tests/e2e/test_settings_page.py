"""Settings and navigation in a real browser: what is chosen is seen everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from accounts.people import role_set
from accounts.roles import Role
from signals_app.services import signals_record
from strategies.models import Strategy
from tests.e2e.conftest import NAME, PASSWORD
from tests.e2e.system import until
from tests.freqtrade_mgmt.candle_bot import CandleBot, running, walk
from tests.signals_app.factories import candidate
from tests.signals_app.outcome_rows import judged, path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
PAIR = "BTC/USDT"
# What the style sheet calls so, as the browser computes it.
COLOUR = """(name) => {
  const probe = document.createElement("i");
  document.body.append(probe);
  probe.className = name;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}"""
# How many pixels of the chart are rather green, and how many rather red.
PIXELS = """() => {
  let green = 0, red = 0;
  for (const canvas of document.querySelectorAll("#chart canvas")) {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] < 200) continue;
      if (data[i + 1] > data[i] + 60) green += 1;
      if (data[i] > data[i + 1] + 60) red += 1;
    }
  }
  return [green, red];
}"""


def is_green(colour: str) -> bool:
    red, green, _blue = (int(part) for part in colour[4:-1].split(","))
    return green > red


@pytest.fixture
def market(django_db_blocker: Any, web: WebServer, page: Page) -> Iterator[Strategy]:
    """A strategy whose bot has rising candles only, with a gain and a loss behind it."""
    with django_db_blocker.unblock():
        strategy = Strategy.objects.create(
            name="ema cross",
            status="running",
            config={"exchange": "simulated", "pairs": [PAIR], "timeframe": "5m"},
        )
        bot = CandleBot(strategy.pk)
        bot.candles[PAIR] = [
            [row[0], row[1], row[1] * 1.003, row[1] * 0.999, row[1] * 1.002, *row[5:]]
            for row in walk(400, "5m")
        ]
        now = timezone.now().replace(second=0, microsecond=0)
        made = signals_record(
            [
                candidate(
                    strategy_id=strategy.pk,
                    strategy_name=strategy.name,
                    pair=f"{kind}/USDT",
                    timestamp=now,
                    signal_type=kind,
                    mark=mark,
                )
                for kind, mark in (("BUY", "enter_long"), ("SELL", "exit_long"))
            ]
        )
        first, second = (each for each, _word in made.answers if each is not None)
        judged([first], path(63_210.5, 0.5, 1.25))
        # A rise after a sell is a loss.
        judged([second], path(63_210.5, 0.5))
        with running(bot):
            bot.write_folder(web.home)
            yield strategy


def choose(page: Page, web: WebServer, rise: str) -> None:
    page.goto(f"{web.url}/settings/")
    page.check(f"input[name=rise][value={rise}]")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".message-success")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-rise", rise)


def colour_of(page: Page, selector: str, what: str = "color") -> str:
    first = page.locator(selector).first
    expect(first).to_be_visible()
    script = f"(each) => getComputedStyle(each).{what}"
    return str(first.evaluate(script))


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_direction_follows_the_choice_and_no_state_does(
    page: Page, web: WebServer, market: Strategy, theme: str
) -> None:
    page.click(f"[data-theme-choice={theme}]")
    seen: dict[str, list[str]] = {}
    for rise in ("green", "red"):
        choose(page, web, rise)
        good = page.evaluate(COLOUR, "good")
        bad = page.evaluate(COLOUR, "bad")
        assert is_green(good)
        assert not is_green(bad)
        up, down = (good, bad) if rise == "green" else (bad, good)
        assert page.evaluate(COLOUR, "rise") == up
        assert page.evaluate(COLOUR, "fall") == down

        page.goto(f"{web.url}/")
        assert colour_of(page, "#signals .badge-buy") == up
        assert colour_of(page, "#signals .badge-sell") == down
        assert colour_of(page, "#connection[data-state=online]") == good

        page.goto(f"{web.url}/dashboard/")
        assert colour_of(page, ".by-level .badge-buy") == up
        assert colour_of(page, ".hours .buy", "fill") == up
        assert colour_of(page, ".hours .sell", "fill") == down

        page.goto(f"{web.url}/outcomes/signals/")
        assert colour_of(page, "td .rise") == up
        assert colour_of(page, "td .fall") == down

        page.goto(f"{web.url}/charts/?strategy={market.pk}")
        expect(page.locator("#readout")).to_contain_text("Vol")
        assert is_green(colour_of(page, "#readout b.rise")) == (rise == "green")
        drawn = until(lambda: _drawn(page), "a candle on the chart")
        green, red = drawn
        assert (green > red) == (rise == "green"), drawn
        seen[rise] = [up, down]
    assert seen["green"] == seen["red"][::-1]


def _drawn(page: Page) -> list[int] | None:
    counted: list[int] = page.evaluate(PIXELS)
    return counted if sum(counted) > 500 else None


def test_the_theme_is_followed_by_another_browser_and_needs_no_wait(
    page: Page, web: WebServer, browser: Browser
) -> None:
    other = browser.new_context(locale="en-GB", color_scheme="light").new_page()
    other.goto(web.url)
    other.fill("input[name=username]", NAME)
    other.fill("input[name=password]", PASSWORD)
    other.press("input[name=password]", "Enter")
    other.wait_for_selector("#connection[data-state=online]")
    assert other.locator("html").get_attribute("data-theme") is None

    page.click("[data-theme-choice=dark]")
    # At once, whether or not the server has heard of it.
    page.goto(f"{web.url}/outcomes/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    until(
        lambda: User.objects.get(username=NAME).preferences.get("display"),
        "the theme at the account",
    )
    other.goto(f"{web.url}/settings/")
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")
    expect(other.locator("input[name=theme][value=dark]")).to_be_checked()
    expect(other.locator("[data-theme-choice=dark]")).to_have_attribute(
        "aria-pressed", "true"
    )
    # The login page has nobody's account, and the browser remembers.
    other.get_by_role("button", name="Log out").click()
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")
    other.context.close()


def test_the_language_changes_with_the_page_and_brings_its_colours(
    page: Page, web: WebServer
) -> None:
    page.goto(f"{web.url}/settings/")
    page.select_option("select[name=language]", "zh-CN")
    page.select_option("select[name=timezone]", "Asia/Shanghai")
    page.get_by_role("button", name="Save").click()
    root = page.locator("html")
    expect(root).to_have_attribute("lang", "zh-hans")
    expect(root).to_have_attribute("data-rise", "red")
    expect(page.locator("select[name=timezone]")).to_have_value("Asia/Shanghai")
    page.click("button[name=language][value=en]")
    expect(root).to_have_attribute("data-rise", "green")


def test_what_calls_is_kept_with_the_account_until_a_browser_says_otherwise(
    page: Page, web: WebServer
) -> None:
    page.goto(f"{web.url}/settings/")
    page.check("input[name=sound]")
    page.select_option("select[name=level]", "weak")
    page.get_by_role("button", name="Save").click()
    page.goto(web.url)
    page.click("#calls summary")
    expect(page.locator("#c-sound")).to_be_checked()
    expect(page.locator("#c-level")).to_have_value("weak")
    page.uncheck("#c-sound")
    page.reload()
    page.click("#calls summary")
    expect(page.locator("#c-sound")).not_to_be_checked()
    # Changed here, it counts here again.
    page.goto(f"{web.url}/settings/")
    page.select_option("select[name=level]", "medium")
    page.get_by_role("button", name="Save").click()
    page.goto(web.url)
    page.click("#calls summary")
    expect(page.locator("#c-sound")).to_be_checked()
    expect(page.locator("#c-level")).to_have_value("medium")


@pytest.mark.parametrize("role", list(Role))
def test_the_navigation_fits_every_window(
    page: Page, web: WebServer, role: Role
) -> None:
    person = User.objects.get(username=NAME)
    person.is_superuser = False
    person.save()
    role_set(user=person, role=role)
    for language in ("en", "zh-hans"):
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(f"{web.url}/proxies/")
        if page.locator("html").get_attribute("lang") != language:
            page.click(f"button[name=language][value={language}]")
        # A viewer of the demonstration has two badges.
        assert page.locator(".tools .badge").count() == 1 + (role == Role.VIEWER)
        for width in (
            1440,
            1400,
            1280,
            1150,
            1100,
            1024,
            1023,
            760,
            561,
            441,
            380,
            320,
        ):
            page.set_viewport_size({"width": width, "height": 900})
            bar = page.locator(".topbar").bounding_box()
            assert bar is not None
            assert bar["height"] < 60, (language, width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            wide = width > 1023
            expect(page.locator(".nav > a").first).to_be_visible(visible=wide)
            expect(page.locator("#menu summary")).to_be_visible(visible=not wide)


def test_a_group_opens_by_hand_and_by_keyboard_and_closes_again(
    page: Page, web: WebServer
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{web.url}/proxies/")
    group, menu = page.locator(".nav-group"), page.locator(".nav-menu")
    summary = group.locator("summary")
    expect(summary).to_have_attribute("aria-current", "true")
    expect(menu).to_be_hidden()
    summary.click()
    expect(menu.locator("a[aria-current=page]")).to_have_text("Proxies")
    page.mouse.click(700, 700)
    expect(menu).to_be_hidden()

    summary.focus()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(menu.locator("a").first).to_be_focused()
    page.keyboard.press("End")
    expect(menu.locator("a").last).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(summary).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    expect(menu).to_be_hidden()


def test_a_narrow_window_has_one_button_and_shows_where_one_is(
    page: Page, web: WebServer
) -> None:
    page.set_viewport_size({"width": 380, "height": 900})
    page.goto(f"{web.url}/proxies/")
    button = page.locator("#menu summary")
    expect(page.locator(".nav")).to_be_hidden()
    button.click()
    expect(page.locator(".nav-menu a[aria-current=page]")).to_have_text("Proxies")
    expect(page.locator("[data-theme-choice=dark]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".nav")).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.locator(".nav > a", has_text="Outcomes").click()
    expect(page).to_have_url(f"{web.url}/outcomes/")
    expect(page.locator(".nav")).to_be_hidden()


def test_a_narrow_window_has_the_open_tab_in_sight(page: Page, web: WebServer) -> None:
    page.set_viewport_size({"width": 380, "height": 900})
    page.goto(f"{web.url}/audit/")
    tab = page.locator(".section-tabs [aria-current]")
    expect(tab).to_have_text("Audit")
    expect(tab).to_be_in_viewport(ratio=1)
    assert page.evaluate("scrollX") == 0


def test_both_work_without_a_script(
    browser: Browser, page: Page, web: WebServer
) -> None:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 380, "height": 900}
    )
    context.add_cookies(
        [
            {"name": each["name"], "value": each["value"], "url": web.url}
            for each in page.context.cookies()
        ]
    )
    plain = context.new_page()
    plain.goto(f"{web.url}/outcomes/")
    expect(plain.locator(".nav")).to_be_hidden()
    plain.click("#menu summary")
    plain.click(".nav-group summary")
    plain.locator(".nav-menu a", has_text="Proxies").click()
    expect(plain).to_have_url(f"{web.url}/proxies/")
    plain.click("#menu summary")
    plain.click("[data-theme-choice=dark]")
    expect(plain).to_have_url(f"{web.url}/proxies/")
    expect(plain.locator("html")).to_have_attribute("data-theme", "dark")
    context.close()

"""Journeys of what arrives and who is told: from the start page, by clicks and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.roles import Role
from notifications.services import channel_create
from signals_app.services import signals_record
from strategies.models import Strategy
from tests.e2e.journeys import fits, go, log_in, online, person, visit
from tests.freqtrade_mgmt.candle_bot import CandleBot, running, walk
from tests.notifications.fakes.smtp import SmtpFake
from tests.notifications.fakes.webhook import WebhookFake
from tests.notifications.workers import Worker
from tests.signals_app.factories import candidate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
ROWS = "#signals tbody tr"


@pytest.fixture
def web(bare_web: WebServer) -> WebServer:
    """Without anybody who may log in: each journey brings its people."""
    return bare_web


@pytest.fixture
def database(django_db_blocker: Any, web: WebServer) -> Iterator[None]:
    """The test's database, which the browser's event loop would keep us from."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def page(
    web: WebServer, browser: Browser, database: None, request: pytest.FixtureRequest
) -> Iterator[Page]:
    """The live page of an administrator whose language is ``request.param``."""
    language = getattr(request, "param", "en")
    person("mei", None, language)
    opened = visit(browser, web.url, language)
    log_in(opened, "mei")
    online(opened)
    yield opened
    opened.context.close()


@pytest.fixture
def hook() -> Iterator[WebhookFake]:
    """Somebody's own receiver."""
    with WebhookFake() as fake:
        yield fake


@pytest.fixture
def mailbox() -> Iterator[SmtpFake]:
    """A mail server that takes everything."""
    fake = SmtpFake()
    fake.start()
    yield fake
    fake.stop()


def a_candle_closes(pair: str, strategy: Strategy, **changes: Any) -> None:
    """Record what a strategy says of the candle that has just closed."""
    now = timezone.now().replace(second=0, microsecond=0)
    made = candidate(
        pair=pair,
        timestamp=now,
        strategy_id=strategy.pk,
        strategy_name=strategy.name,
        indicators={"rsi": 28.4, "ema_fast": 63190.2},
        tag="dip",
        **changes,
    )
    ((_identifier, word),) = signals_record([made]).answers
    assert word == "created", word


def test_a_signal_arrives_is_understood_and_taken(
    page: Page, hook: WebhookFake, tmp_path: Path
) -> None:
    expect(page.locator("#empty")).to_contain_text("No signals yet")
    page.keyboard.press("/")
    page.keyboard.type("btc")

    strategy = Strategy.objects.create(name="ema cross", status="running")
    config = {"url": hook.url, "allow_private": True}
    channel_create(name="my program", type="webhook", config=config)
    with Worker(tmp_path / "worker.log", threads=1):
        a_candle_closes("ETH/USDT", strategy, strength=88.0)
        a_candle_closes("BTC/USDT", strategy, strength=91.0)
        # What arrives is filtered as what was there.
        row = page.locator(ROWS)
        expect(row).to_have_count(1)
        expect(row).to_contain_text("BTC/USDT")
        expect(row.locator(".notice")).to_contain_text("sent", timeout=20_000)
    assert len(hook.taken) == 2

    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("BTC/USDT")
    for words in ("rsi", "28.4", "dip", "my program", "sent", "ema cross"):
        expect(page.locator("main")).to_contain_text(words)
    page.get_by_role("link", name="why or why not").click()
    told = page.locator(".verdicts tbody tr", has_text="my program")
    expect(told).to_contain_text("yes, at once")
    page.go_back()
    _taken(page)


def _taken(page: Page) -> None:
    """Mark the signal that is open, and find it among what was taken."""
    expect(page.locator("h1")).to_contain_text("BTC/USDT")
    page.keyboard.press("t")
    expect(page.locator("[id^=taken-]")).to_have_attribute("aria-pressed", "true")
    go(page, "Outcomes")
    page.get_by_role("link", name="Signals", exact=True).click()
    page.get_by_label("Your decision").first.select_option("taken")
    page.get_by_role("button", name="Filter").click()
    rows = page.locator("[data-choice-row]")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("BTC/USDT")
    assert fits(page)


@pytest.mark.parametrize("page", ["zh-CN"], indirect=True)
def test_the_chart_leads_to_the_candle_of_a_signal(
    page: Page, database: None, web: WebServer
) -> None:
    config = {"exchange": "simulated", "pairs": ["BTC/USDT"], "timeframe": "5m"}
    strategy = Strategy.objects.create(name="均线", status="running", config=config)
    bot = CandleBot(strategy.pk)
    bot.candles["BTC/USDT"] = walk(300, "5m")
    with running(bot):
        bot.write_folder(web.home)
        a_candle_closes("BTC/USDT", strategy, timeframe="5m", strength=91.0)
        page.locator(ROWS).get_by_role("link").first.click()
        go(page, "图表")
        expect(page.locator("#readout")).to_be_visible()
        expect(page.locator("#signal-list button")).to_have_count(1)
        page.locator("#signal-list button").click()
        # What it was, beside the candle that it was on.
        expect(page.locator("#panel")).to_contain_text("63210.5")


@pytest.mark.parametrize("page", ["zh-CN"], indirect=True)
def test_mail_is_set_up_corrected_proved_and_switched(
    page: Page, mailbox: SmtpFake
) -> None:
    go(page, "通知")
    page.get_by_role("link", name="通知渠道", exact=True).click()
    page.get_by_role("link", name="新建渠道").first.click()
    page.get_by_role("link", name="邮件").first.click()
    for field, text in (
        ("name", "值班"),
        ("t_host", "127.0.0.1"),
        ("t_port", "99999"),
        ("t_from", "alerts@example.org"),
        ("t_to", "mei@example.org"),
    ):
        page.locator(f"[name={field}]").fill(text)
    page.locator("[name=t_security]").select_option("none")
    page.get_by_role("button", name="保存").click()
    wrong = page.locator(".field", has=page.locator("[name=t_port]"))
    expect(wrong.locator(".errorlist")).to_contain_text("65535")
    # Nothing has to be typed again.
    expect(page.locator("[name=t_to]")).to_have_value("mei@example.org")

    page.locator("[name=t_port]").fill(str(mailbox.port))
    page.get_by_role("button", name="保存").click()
    expect(page.locator(".messages")).to_be_visible()
    page.get_by_role("button", name="发送测试消息").click()
    expect(page.locator("#tested .message-success")).to_contain_text("queued as 1")
    assert [to for _sender, to in mailbox.envelopes] == [("mei@example.org",)]

    page.get_by_role("link", name="渠道历史").click()
    notice = page.locator(".notices tbody tr")
    expect(notice).to_have_count(1)
    expect(notice).to_contain_text("250")
    page.get_by_role("link", name="通知渠道", exact=True).click()
    row = page.locator(".channels tbody tr")
    row.get_by_role("button", name="停用").click()
    expect(row).to_have_class("off")
    row.get_by_role("button", name="启用").click()
    expect(row).not_to_have_class("off")


def test_a_webhook_says_what_was_wrong_until_it_is_right(
    page: Page, hook: WebhookFake
) -> None:
    hook.secret = "a-shared-secret"
    go(page, "Notifications")
    page.get_by_role("link", name="Channels", exact=True).click()
    page.get_by_role("link", name="New channel").first.click()
    page.get_by_role("link", name="Webhook").click()
    page.get_by_label("Name").fill("my program")
    page.locator("[name=t_url]").fill("my program")
    page.get_by_role("button", name="Save").click()
    wrong = page.locator(".field", has=page.locator("[name=t_url]"))
    expect(wrong.locator(".errorlist")).to_contain_text("http")

    page.locator("[name=t_url]").fill(hook.url)
    page.locator("[name=t_secret]").fill("another")
    page.get_by_label("Private addresses allowed").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Send a test message").click()
    tested = page.locator("#tested")
    expect(tested).to_contain_text("The test was not accepted.")
    expect(tested).to_contain_text("401")
    assert hook.url not in page.content()

    page.locator("[name=t_secret]").fill(hook.secret)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Send a test message").click()
    expect(tested).to_contain_text("The provider accepted the test.")
    expect(page.locator("#standing")).to_contain_text("works")
    assert len(hook.taken) == 1
    page.get_by_role("link", name="Its history").click()
    states = page.locator(".notices tbody tr .state")
    expect(states).to_have_count(2)
    expect(states.first).to_contain_text("sent")
    expect(states.last).to_contain_text("failed")


def test_a_viewer_reads_why_and_keeps_notes_of_their_own(
    web: WebServer, browser: Browser, database: None
) -> None:
    strategy = Strategy.objects.create(name="ema cross", status="running")
    person("ann", Role.VIEWER, "en")
    page = visit(browser, web.url, "en")
    log_in(page, "ann")
    online(page)
    a_candle_closes("BTC/USDT", strategy, strength=91.0)
    page.locator(ROWS).get_by_role("link").first.click()
    expect(page.locator("main")).to_contain_text("Notifications")
    page.get_by_label("Note").fill("too late for me")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Skipped").click()
    expect(page.locator("[id^=skipped-]")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Note")).to_have_value("too late for me")
    page.context.close()

"""The pages of notifications in a real browser: a channel is set up and proved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from notifications.models import NotificationChannel, NotificationSilence
from notifications.services import channel_create
from tests.notifications.fakes import TelegramFake
from tests.notifications.pages import signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
TOKEN = "123456:AAfake-Token_of-a-Bot-0123456789"


@pytest.fixture
def database(django_db_blocker: Any, web: WebServer) -> Iterator[None]:
    """The test's database, which the browser's event loop would keep us from."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def telegram() -> Iterator[TelegramFake]:
    """A Bot API that takes everything."""
    with TelegramFake() as fake:
        yield fake


def test_a_channel_is_made_tested_and_explained(
    web: WebServer, page: Page, database: None, telegram: TelegramFake
) -> None:
    signal(pair="SOL/USDT", strategy_name="ema cross", strength=90)
    page.goto(f"{web.url}/notifications/channels/")
    page.get_by_role("link", name="New channel").first.click()
    page.get_by_role("link", name="Telegram").click()
    page.fill("[name=name]", "on duty")
    page.fill("[name=t_token]", TOKEN)
    page.fill("[name=t_chat_id]", "-100123")
    page.fill("[name=t_api_base]", telegram.base)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messages")).to_contain_text("Saved.")
    assert TOKEN not in page.content()
    expect(page.locator(".secret .badge")).to_have_text("set")

    standing = page.locator("#standing")
    expect(standing).to_contain_text("not tried")
    page.get_by_role("button", name="Send a test message").click()
    expect(page.locator("#tested")).to_contain_text("The provider accepted the test.")
    # Without loading the page again.
    expect(standing).to_contain_text("works")
    expect(standing.locator("time")).to_have_count(2)
    expect(page.locator("#tested pre")).to_contain_text('"ok": true')
    assert len(telegram.messages) == 1

    page.get_by_role("link", name="Who gets what").click()
    row = page.locator(".verdicts tbody tr", has_text="on duty")
    expect(row).to_contain_text("yes, at once")

    page.locator(".section-tabs").get_by_role("link", name="History").click()
    page.locator(".notices summary").first.click()
    expect(page.locator(".notices .attempts")).to_contain_text("accepted")
    page.get_by_role("button", name="Send again").click()
    expect(page.locator(".messages")).to_contain_text("It is being sent again")


def test_the_preview_follows_what_is_typed(
    web: WebServer, page: Page, database: None
) -> None:
    signal(pair="SOL/USDT", strategy_name="ema cross", strength=90)
    page.goto(f"{web.url}/notifications/channels/new/?type=telegram")
    page.locator("details.texts[data-kind=signal] > summary").click()
    told = page.locator("#told-signal .told-title")
    expect(told).to_have_count(2)
    expect(told.nth(0)).to_contain_text("SOL/USDT")
    expect(told.nth(1)).to_contain_text("BUY SOL/USDT")
    title = page.locator("[name=text_signal_en_title]")
    title.fill("{{ strategy }} says {{ direction }}")
    expect(told.nth(1)).to_have_text("ema cross says buy")
    title.fill("{{ strategie }}")
    expect(page.locator("#told-signal .warn")).to_contain_text("strategie")


def test_the_form_shows_the_fields_of_what_is_chosen(
    web: WebServer, page: Page, database: None
) -> None:
    page.goto(f"{web.url}/notifications/channels/new/?type=sms")
    expect(page.locator("[name=t_template_code]")).to_be_hidden()
    page.select_option("[name=t_provider]", "aliyun")
    expect(page.locator("[name=t_template_code]")).to_be_visible()
    expect(page.locator("[name=t_account_sid]")).to_be_hidden()
    page.select_option("[name=t_provider]", "twilio")
    expect(page.locator("[name=t_template_code]")).to_be_hidden()
    expect(page.locator("[name=t_account_sid]")).to_be_visible()
    page.fill("[name=name]", "phone")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("a[href='#id_t_account_sid']")).to_be_visible()
    assert not NotificationChannel.objects.exists()


def test_a_silence_is_made_by_keyboard(
    web: WebServer, page: Page, database: None
) -> None:
    page.goto(f"{web.url}/notifications/silences/?key=exchange%3Abinance")
    page.locator("[name=reason]").focus()
    page.keyboard.type("Maintenance")
    at = page.locator("[name=ends_at]")
    expect(at).to_be_hidden()
    page.locator("[name=ends][value='1h']").focus()
    for _step in range(3):
        page.keyboard.press("ArrowDown")
    expect(at).to_be_visible()
    page.keyboard.press("ArrowUp")
    page.locator("[name=reason]").press("Enter")
    expect(page.locator(".silences tbody tr")).to_contain_text("Maintenance")
    assert NotificationSilence.objects.get().matcher == {
        "keys": ["exchange:binance"],
        "message_types": ["alert"],
    }


def test_no_page_is_wider_than_a_phone(
    web: WebServer, page: Page, database: None, telegram: TelegramFake
) -> None:
    config = {
        "token": TOKEN,
        "chat_id": "-100123456789012345",
        "api_base": telegram.base,
    }
    channel = channel_create(name="x" * 50, type="telegram", config=config)
    signal(pair="LONGCOINNAME/USDT", strategy_name="y" * 60)
    page.set_viewport_size({"width": 380, "height": 800})
    for path in (
        "",
        "channels/",
        "channels/new/",
        f"channels/{channel.pk}/",
        "preview/",
        "silences/",
        "alerts/",
    ):
        page.goto(f"{web.url}/notifications/{path}")
        page.wait_for_function("document.documentElement.scrollWidth <= 380")

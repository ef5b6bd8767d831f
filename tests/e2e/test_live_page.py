"""The live page in a real browser."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import UserSession
from signals_app.services import signals_delivery_record, signals_record
from tests.signals_app.factories import candidate

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis
    from playwright.sync_api import Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture
def record(django_db_blocker: Any) -> Callable[..., str]:
    """Record one signal of the last minute, and return its id."""

    def one(pair: str, **changes: Any) -> str:
        now = timezone.now().replace(microsecond=0)
        with django_db_blocker.unblock():
            intake = signals_record([candidate(pair=pair, timestamp=now, **changes)])
        ((identifier, word),) = intake.answers
        assert word == "created", word
        return str(identifier)

    return one


def pairs(page: Page) -> list[str]:
    return [
        text.split()[0] for text in page.locator("#signals .pair").all_inner_texts()
    ]


def test_a_signal_appears_by_itself_with_what_it_means(
    page: Page, record: Callable[..., str]
) -> None:
    expect(page.locator("#empty")).to_be_visible()

    record("BTC/USDT", strength=91.0)

    row = page.locator("#signals tbody tr")
    expect(row).to_have_count(1)
    for words in (
        "BTC/USDT",
        "buy",
        "P0",
        "strong",
        "91",
        "63210.5",
        "ema cross",
        "rsi",
    ):
        expect(row).to_contain_text(words)
    expect(page.locator("#empty")).to_be_hidden()


def test_a_delivery_is_shown_on_the_row(page: Page, record: Callable[..., str]) -> None:
    identifier = record("BTC/USDT")
    expect(page.locator("#signals .notice")).to_contain_text("no channel")

    signals_delivery_record(
        signal_id=uuid.UUID(identifier), channel_name="mail", sent_at=timezone.now()
    )

    expect(page.locator("#signals .notice")).to_contain_text("sent")


def test_after_a_killed_server_nothing_is_skipped_or_shown_twice(
    page: Page, web: WebServer, record: Callable[..., str]
) -> None:
    record("ONE/USDT")
    expect(page.locator("#signals tbody tr")).to_have_count(1)

    web.kill()
    expect(page.locator("#connection")).to_have_attribute("data-state", "offline")
    record("TWO/USDT")
    record("THREE/USDT")
    web.start()

    expect(page.locator("#connection")).to_have_attribute(
        "data-state", "online", timeout=30_000
    )
    expect(page.locator("#signals tbody tr")).to_have_count(3)
    record("FOUR/USDT")
    expect(page.locator("#signals tbody tr")).to_have_count(4)
    assert sorted(pairs(page)) == ["FOUR/USDT", "ONE/USDT", "THREE/USDT", "TWO/USDT"]


def test_after_a_flush_of_redis_the_page_shows_what_the_database_holds(
    page: Page, record: Callable[..., str], redis_client: redis.Redis
) -> None:
    record("ONE/USDT")
    expect(page.locator("#signals tbody tr")).to_have_count(1)

    # Sessions live in the database as well as in the cache.
    redis_client.flushdb()
    record("TWO/USDT")

    expect(page.locator("#signals tbody tr")).to_have_count(2, timeout=20_000)


def test_a_hundred_newest_are_shown_at_once_newest_first(
    page: Page, django_db_blocker: Any
) -> None:
    now = timezone.now().replace(microsecond=0)
    with django_db_blocker.unblock():
        signals_record(
            [
                candidate(pair=f"P{n}/USDT", timestamp=now - timedelta(seconds=n))
                for n in range(130)
            ]
        )

    page.reload()

    expect(page.locator("#signals tbody tr")).to_have_count(100)
    assert pairs(page) == [f"P{n}/USDT" for n in range(100)]


def test_a_revoked_login_leads_back_to_the_login_page(
    page: Page, web: WebServer, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        UserSession.objects.all().delete()

    page.reload()

    page.wait_for_url(f"{web.url}/login/**")


def test_text_from_a_strategy_is_never_markup(
    page: Page, record: Callable[..., str]
) -> None:
    record("BTC/USDT", strategy_name="<img src=x onerror=alert(1)>", tag="<b>")

    expect(page.locator("#signals .by")).to_contain_text("<img src=x")
    assert page.locator("#signals img").count() == 0


@pytest.mark.parametrize("width", [380, 1920])
def test_the_page_fits_its_window(
    page: Page, record: Callable[..., str], width: int
) -> None:
    record("BTC/USDT", strategy_name="a strategy with quite a long name of its own")
    page.set_viewport_size({"width": width, "height": 800})

    expect(page.locator("#signals tbody tr")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_both_languages_are_spoken(page: Page) -> None:
    page.click("button[name=language][value=zh-hans]")

    expect(page.locator("h1")).to_have_text("实时信号")
    expect(page.locator("#connection")).to_have_text("已连接")

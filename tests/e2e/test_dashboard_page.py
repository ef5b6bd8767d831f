"""The dashboard in a real browser: trouble first, by itself up to date, on every screen."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from notifications.dispatch import alert_raise
from notifications.models import Alert, Notification, NotificationChannel
from notifications.saying import Words
from proxies.models import Proxy
from signals_app.services import signals_record
from strategies.models import Strategy
from tests.signals_app.factories import candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
REFRESHED = 25_000


@pytest.fixture
def busy(django_db_blocker: Any, web: WebServer) -> Iterator[None]:
    """A system with some of everything: good, bad and waiting."""
    with django_db_blocker.unblock():
        now = timezone.now()
        for name, status in (
            ("ema cross", "stopped"),
            ("a strategy with quite a long name of its own", "error"),
            ("rsi dip", "running"),
        ):
            Strategy.objects.create(name=name, status=status)
        channel = NotificationChannel.objects.create(
            name="trading room", type="telegram", status="error"
        )
        Proxy.objects.create(
            name="tokyo",
            host="127.0.0.1",
            port=1080,
            type="socks5",
            status="unhealthy",
            performance_metrics={"last_failure": "refused"},
        )
        alert_raise(
            key="machine:disk",
            priority="P1",
            words=lambda: Words(
                "A disk is nearly full",
                "a, /: 97 % in use\nMake room: old backups, logs of bots.",
            ),
            now=now - timedelta(hours=2),
        )
        for n, state in enumerate(("sent", "failed", "retry", "pending")):
            Notification.objects.create(
                channel=channel,
                channel_type="telegram",
                message_type="signal",
                content=f"BUY P{n}/USDT strong 91\nema cross v1.0",
                status=state,
                sent_at=now - timedelta(minutes=20 * n + 1),
                metadata={"priority": f"P{n % 3}", "title": f"BUY P{n}/USDT strong 91"},
            )
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        minutes = max(1, int((now - midnight).total_seconds() // 60))
        signals_record(
            [
                candidate(
                    pair=f"P{n}/USDT",
                    timestamp=now.replace(second=0, microsecond=0)
                    - timedelta(minutes=(n * 37) % minutes),
                    signal_type="SELL" if n % 3 else "BUY",
                    mark="exit_long" if n % 3 else "enter_long",
                    strength=20.0 + (n * 13) % 80,
                )
                for n in range(60)
            ]
        )
        yield


def test_trouble_comes_first_with_its_cure(
    web: WebServer, page: Page, busy: None
) -> None:
    page.goto(web.url)
    page.get_by_role("link", name="Dashboard").click()

    first = page.locator(".troubles li .badge").all_inner_texts()
    assert first == sorted(first)
    disk = page.locator(".troubles li", has_text="A disk is nearly full")
    expect(disk).to_contain_text("Make room")
    expect(disk.get_by_role("link")).to_have_attribute("href", "/system/")
    room = page.locator(".troubles li", has_text="trading room")
    room.get_by_role("link").click()
    expect(page.locator("h1")).to_contain_text("trading room")


def test_the_page_brings_itself_up_to_date_and_leaves_the_focus(
    web: WebServer, page: Page, busy: None, django_db_blocker: Any
) -> None:
    page.goto(f"{web.url}/dashboard/")
    expect(page.locator("#freshness")).to_have_attribute("data-state", "online")
    page.locator("#dash-system a").first.focus()
    with django_db_blocker.unblock():
        Alert.objects.update(resolved_at=timezone.now())

    gone = page.locator(".troubles li", has_text="A disk is nearly full")
    expect(gone).to_have_count(0, timeout=REFRESHED)
    assert page.evaluate("document.activeElement.closest('#dash-system') !== null")


def test_a_server_that_is_away_leaves_the_page_and_is_told(
    web: WebServer, page: Page, busy: None
) -> None:
    page.goto(f"{web.url}/dashboard/")
    web.kill()
    expect(page.locator("#freshness")).to_have_attribute(
        "data-state", "offline", timeout=REFRESHED
    )
    expect(page.locator("#dash-signals .stat")).to_have_text("60")
    web.start()
    expect(page.locator("#freshness")).to_have_attribute(
        "data-state", "online", timeout=60_000
    )


def test_a_number_leads_to_its_signals(web: WebServer, page: Page, busy: None) -> None:
    page.goto(f"{web.url}/dashboard/")
    page.locator(".by-level tbody tr", has_text="buy").get_by_role("link").last.click()

    expect(page).to_have_url(f"{web.url}/?type=BUY")
    expect(page.locator("#signals tbody tr")).to_have_count(20)


@pytest.mark.parametrize("width", [380, 1920])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_it_fits_every_window_in_both_languages(
    web: WebServer, page: Page, busy: None, width: int, theme: str
) -> None:
    page.click(f"[data-theme-choice={theme}]")
    page.set_viewport_size({"width": width, "height": 900})
    for language in ("en", "zh-hans"):
        page.goto(f"{web.url}/dashboard/")
        if page.locator("html").get_attribute("lang") != language:
            page.click(f"button[name=language][value={language}]")
        expect(page.locator("h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width

"""The pages of proxies in a real browser: one is made, tried, tested and watched."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from proxies.models import Proxy
from tests.e2e.system import Process, environment
from tests.notifications.fakes import ProxyFake
from tests.proxies.fakes import TargetFake, history, proxy_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
PASSWORD = "s3cret-word"


@pytest.fixture
def database(django_db_blocker: Any, web: WebServer) -> Iterator[None]:
    """The test's database, which the browser's event loop would keep us from."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def worker(web: WebServer, settings: Any, tmp_path: Path) -> Iterator[Process]:
    """A worker that tests."""
    command = [
        *(sys.executable, "-m", "celery", "-A", "btc_watcher", "worker"),
        *("-n", f"proxies-{os.getpid()}@test", "--pool", "threads", "-c", "2"),
        *("-Q", "queue:default", "--without-gossip", "--without-mingle"),
    ]
    variables = environment(web.home, settings.REDIS_URL)
    process = Process(command, variables, tmp_path / "worker.log").start()
    yield process
    process.stop()


@pytest.fixture
def target() -> Iterator[TargetFake]:
    with TargetFake() as fake:
        yield fake


@pytest.fixture
def between() -> Iterator[ProxyFake]:
    """A proxy with a login; it alone knows where target.test is."""
    with ProxyFake() as fake:
        fake.hosts["target.test"] = "127.0.0.1"
        fake.password = PASSWORD
        yield fake


@pytest.fixture
def url(target: TargetFake) -> str:
    return f"http://target.test:{target.base.rpartition(':')[2]}/ip"


def fill(page: Page, between: ProxyFake, url: str, password: str) -> None:
    page.fill("[name=name]", "Tokyo")
    page.select_option("[name=type]", "socks5")
    page.fill("[name=host]", "127.0.0.1")
    page.fill("[name=port]", str(between.port))
    page.fill("[name=username]", "user")
    page.fill("[name=password]", password)
    page.fill("[name=test_url]", url)


def test_a_proxy_is_made_tried_and_tested_live(
    web: WebServer,
    page: Page,
    database: None,
    worker: Process,
    between: ProxyFake,
    url: str,
) -> None:
    page.goto(f"{web.url}/proxies/")
    page.get_by_role("link", name="New proxy").click()
    # Loaded, with the script that the button needs.
    page.wait_for_url("**/proxies/new/")
    page.get_by_role("button", name="ipify").click()
    expect(page.locator("[name=test_url]")).to_have_value(
        "https://api.ipify.org/?format=json"
    )
    fill(page, between, url, "wrong")
    page.get_by_role("button", name="Try it before saving").click()
    expect(page.locator("#tried")).to_contain_text("login refused")
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Try it before saving").click()
    expect(page.locator("#tried")).to_contain_text("It works.")
    expect(page.locator("#tried")).to_contain_text("203.0.113.7")
    page.get_by_role("button", name="Save").click()

    expect(page.locator(".messages")).to_contain_text("It is being tested now.")
    expect(page.locator("#now")).to_contain_text("203.0.113.7", timeout=60_000)
    expect(page.locator("#tests tbody tr").first).to_contain_text("works")
    assert PASSWORD not in page.content()

    page.goto(f"{web.url}/proxies/")
    row = page.locator(".proxies tbody tr")
    before = row.locator("rect").count()
    row.get_by_role("button", name="Test Tokyo now").click()
    expect(row.locator("rect")).not_to_have_count(before, timeout=30_000)
    expect(row.locator(".last")).to_contain_text(" ms")
    expect(page.locator("#said")).to_contain_text("Tokyo: works")
    expect(row.get_by_role("button", name="Test Tokyo now")).to_be_enabled()

    between.password = "changed"
    row.get_by_role("button", name="Test Tokyo now").click()
    expect(row.locator(".last")).to_contain_text("login refused", timeout=30_000)
    expect(page.locator("#said")).to_contain_text("refused the user name")
    assert set(between.kinds) == {"socks5"}


def test_a_wrong_form_shows_where_also_in_the_folded_part(
    web: WebServer, page: Page, database: None
) -> None:
    page.goto(f"{web.url}/proxies/new/")
    page.fill("[name=name]", "Tokyo")
    page.fill("[name=host]", "127.0.0.1")
    page.fill("[name=port]", "1")
    rules = page.locator("details.rules")
    expect(rules.locator("[name=window]")).to_be_hidden()
    rules.locator("summary").click()
    page.fill("[name=expected_status]", "fine")
    page.get_by_role("button", name="Save").click()
    expect(rules.locator(".errorlist")).to_be_visible()
    expect(page.locator("a[href='#id_expected_status']")).to_be_visible()
    assert not Proxy.objects.exists()


def test_the_history_is_drawn_and_follows_the_theme_and_the_width(
    web: WebServer, page: Page, database: None
) -> None:
    proxy = proxy_row(9)
    history(proxy, "++-+", newest=timezone.now() - timedelta(hours=1))
    page.goto(f"{web.url}/proxies/{proxy.pk}/?range=7d")
    canvas = page.locator("#chart canvas")
    expect(canvas).to_have_count(1)
    expect(page.locator("#chart .u-legend")).to_contain_text("no answer in time")
    page.locator("[data-theme-choice=light]").click()
    expect(canvas).to_have_count(1)
    page.set_viewport_size({"width": 380, "height": 800})
    page.wait_for_function("document.querySelector('#chart .uplot').clientWidth <= 380")


def test_no_page_is_wider_than_a_phone(
    web: WebServer, page: Page, database: None
) -> None:
    proxy = proxy_row(9, "socks5", name="x" * 90, host="a." * 60 + "example.net")
    history(proxy, "+-" * 30, newest=timezone.now())
    page.set_viewport_size({"width": 380, "height": 800})
    for path in ("", "new/", f"{proxy.pk}/", f"{proxy.pk}/edit/"):
        page.goto(f"{web.url}/proxies/{path}")
        page.wait_for_function("document.documentElement.scrollWidth <= 380")

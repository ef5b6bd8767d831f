"""What pages show when there is nothing, when something is away, and while one waits."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Route, expect

from accounts.roles import Role
from notifications.services import channel_create
from signals_app.services import signals_record
from tests.e2e.journeys import fits, go, log_in, online, person, visit
from tests.e2e.system import WebServer, environment
from tests.freqtrade_mgmt.nodes import Forwarder
from tests.notifications.fakes.webhook import WebhookFake
from tests.signals_app.factories import candidate
from tests.strategies.pages import made

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
# What a page without rows leads to: an address, or the words of a button.
EMPTY = {
    "/": "/strategies/",
    "/charts/": "/strategies/",
    "/outcomes/": "/strategies/",
    "/outcomes/signals/": "/strategies/",
    "/strategies/": "/strategies/new/",
    "/proxies/": "/proxies/new/",
    "/notifications/": "/notifications/channels/",
    "/notifications/channels/": "/notifications/channels/new/",
    "/notifications/preview/": "/strategies/",
    "/freqtrade/": "",
}
# Nothing to do about it: it is good that there is none.
GOOD = ("/notifications/silences/", "/notifications/alerts/", "/notifications/inbox/")
LATIN = re.compile("[A-Za-z]{4,}")
NAMES = re.compile("freqtrade|manage.py outcomes_fill|HTTP|SOCKS")


class Held:
    """Requests of a page that get no answer until they are let go."""

    def __init__(self, page: Page, pattern: str) -> None:
        self._page, self._routes = page, list[Route]()
        page.route(pattern, self._take)

    def _take(self, route: Route) -> None:
        self._routes.append(route)

    def first(self) -> Route:
        """Wait for the first of them."""
        until = time.monotonic() + 20
        while not self._routes:
            assert time.monotonic() < until, "the page asked for nothing"
            self._page.wait_for_timeout(20)
        return self._routes[0]


class System:
    """A web process whose database and Redis can be taken away, and given back."""

    def __init__(self, web: WebServer, database: Forwarder, broker: Forwarder) -> None:
        self.web, self.database, self.redis = web, database, broker
        self.url = web.url


@pytest.fixture(scope="module")
def lasting_system(
    django_db_setup: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[System]:
    """One for all tests of the module."""
    home = tmp_path_factory.mktemp("home")
    place = urlsplit(settings.REDIS_URL)
    with ExitStack() as stack:
        with django_db_blocker.unblock():
            variables = environment(home, settings.REDIS_URL)
            database = stack.enter_context(Forwarder())
        broker = stack.enter_context(
            Forwarder((place.hostname or "", place.port or 6379))
        )
        for name, way in (("DATABASE_URL", database), ("REDIS_URL", broker)):
            port = urlsplit(variables[name]).port
            variables[name] = variables[name].replace(f":{port}/", f":{way.port}/")
        web = WebServer(variables, home / "web.log").start()
        stack.callback(web.stop)
        yield System(web, database, broker)


@pytest.fixture
def system(
    transactional_db: None, redis_client: redis.Redis, lasting_system: System
) -> Iterator[System]:
    """The system, whole again in the end."""
    yield lasting_system
    lasting_system.database.mend()
    lasting_system.redis.mend()


@pytest.fixture
def page(
    system: System,
    browser: Browser,
    django_db_blocker: Any,
    request: pytest.FixtureRequest,
) -> Iterator[Page]:
    """The live page of an administrator whose language is ``request.param``."""
    language = getattr(request, "param", "en")
    with django_db_blocker.unblock():
        person("mei", None, language)
        opened = visit(browser, system.url, language)
        log_in(opened, "mei")
        online(opened)
        yield opened
        opened.context.close()


def record(pair: str) -> None:
    moment = timezone.now().replace(microsecond=0)
    ((_id, word),) = signals_record([candidate(pair=pair, timestamp=moment)]).answers
    assert word == "created", word


@pytest.mark.parametrize("page", ["en", "zh-CN"], indirect=True)
def test_a_page_without_rows_says_what_to_do(page: Page, system: System) -> None:
    for path, leads_to in EMPTY.items():
        page.goto(f"{system.url}{path}")
        empty = page.locator(".empty:visible")
        expect(empty).to_have_count(1)
        action = f"a[href='{leads_to}']" if leads_to else "button"
        expect(empty.locator(action)).to_be_visible()
    for path in GOOD:
        page.goto(f"{system.url}{path}")
        expect(page.locator(".empty:visible")).to_have_count(1)
    if page.locator("html").get_attribute("lang") != "en":
        for path in (*EMPTY, *GOOD):
            page.goto(f"{system.url}{path}")
            words = page.locator(".empty:visible").inner_text()
            assert not LATIN.search(NAMES.sub("", words)), (path, words)


@pytest.mark.parametrize("page", ["en", "zh-CN"], indirect=True)
def test_without_the_database_a_page_says_so_and_comes_back(
    page: Page, system: System
) -> None:
    chinese = page.locator("html").get_attribute("lang") != "en"
    words = {False: ("The database is away", "Strategies"), True: ("数据库", "策略")}
    title, label = words[chinese]
    system.database.refuse()
    expect(page.locator("#connection")).to_have_attribute(
        "data-state", "offline", timeout=60_000
    )
    go(page, label)
    expect(page.locator(".error-code")).to_have_text("503")
    expect(page.locator("h1")).to_contain_text(title)
    expect(page.locator("main")).to_contain_text("manage.py doctor")
    answer = requests.get(f"{system.url}/api/v1/signals/", timeout=30)
    assert answer.status_code in {401, 503}
    assert answer.headers["Content-Type"] == "application/problem+json"

    system.database.mend()
    # Nobody clicked.
    expect(page.locator("h1")).to_have_text(label, timeout=30_000)


def test_without_redis_the_live_page_says_so_and_goes_on(
    page: Page, system: System
) -> None:
    system.redis.refuse()
    connection = page.locator("#connection")
    expect(connection).to_have_attribute("data-state", "stalled", timeout=20_000)
    expect(connection).to_contain_text("Live feed interrupted")
    record("ONE/USDT")
    rows = page.locator("#signals tbody tr")
    expect(rows).to_have_count(1, timeout=20_000)

    # A page that is opened meanwhile is told as well, and others work.
    go(page, "Dashboard")
    expect(page.locator("#dash-system")).to_contain_text("Redis")
    go(page, "Live signals")
    expect(connection).to_have_attribute("data-state", "stalled", timeout=20_000)
    expect(rows).to_have_count(1)

    system.redis.mend()
    expect(connection).to_have_attribute("data-state", "online", timeout=30_000)
    record("TWO/USDT")
    expect(rows).to_have_count(2)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_what_is_not_there_or_not_allowed_has_a_page(
    system: System, browser: Browser, django_db_blocker: Any, language: str
) -> None:
    with django_db_blocker.unblock():
        person("ann", Role.VIEWER, language)
        page = visit(browser, system.url, language)
        page.set_viewport_size({"width": 380, "height": 700})
        log_in(page, "ann")
        online(page)
        for path, code in (("/no/such/page/", "404"), ("/audit/", "403")):
            page.goto(f"{system.url}{path}")
            expect(page.locator(".error-code")).to_have_text(code)
            chinese = re.search("[\u4e00-\u9fff]", page.locator("main").inner_text())
            assert bool(chinese) == (language == "zh-CN")
            assert fits(page)
            page.locator("main a").last.click()
            online(page)
        page.context.close()


def test_what_takes_long_is_seen_to_be_on_its_way(page: Page, system: System) -> None:
    record("BTC/USDT")
    record("ETH/USDT")
    expect(page.locator("#signals tbody tr")).to_have_count(2)
    held = Held(page, "**/signals/newest/**")
    page.select_option("#f-type", "SELL")
    expect(page.locator("[aria-busy=true]")).to_be_visible()
    # The old list stays until the new one is there.
    expect(page.locator("#signals tbody tr")).to_have_count(2)
    held.first().continue_()
    expect(page.locator("#empty-filtered")).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def test_a_part_that_does_not_come_says_so(page: Page, system: System) -> None:
    strategy = made("ema cross")
    held = Held(page, f"**/strategies/{strategy.pk}/signals/**")
    page.goto(f"{system.url}/strategies/{strategy.pk}/")
    part = page.locator("#signals .part")
    expect(part).to_contain_text("The signals are being loaded.")
    held.first().fulfill(status=503)
    expect(part.get_by_role("alert")).to_contain_text("could not be loaded")


def test_a_provider_that_is_slow_is_waited_for_in_sight(
    page: Page, system: System
) -> None:
    with WebhookFake() as hook:
        config = {"url": hook.url, "allow_private": True}
        channel_create(name="my program", type="webhook", config=config)
        go(page, "Notifications")
        page.get_by_role("link", name="Channels", exact=True).click()
        page.get_by_role("link", name="my program").click()
        held = Held(page, "**/test/")
        send = page.get_by_role("button", name="Send a test message")
        send.click()
        expect(page.locator("#sending")).to_be_visible()
        expect(send).to_be_disabled()
        held.first().continue_()
        expect(page.locator("#tested")).to_contain_text(
            "The provider accepted the test."
        )
        expect(page.locator("#sending")).to_be_hidden()


def test_until_the_live_page_is_connected_it_says_so(
    page: Page, system: System, browser: Browser
) -> None:
    plain = browser.new_context(
        java_script_enabled=False, storage_state=page.context.storage_state()
    )
    tab = plain.new_page()
    tab.goto(system.url)
    expect(tab.locator("#connection")).to_have_text("Connecting")
    plain.close()

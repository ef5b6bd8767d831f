"""Journeys through one's account, as a person takes them: from the start page, by clicks."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pyotp
import pytest
import requests
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import expect

from accounts.roles import Role
from strategies.models import Strategy
from tests.e2e.journeys import PASSWORD, go, log_in, log_out, online, person, visit
from tests.strategies.pages import made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
# Within which a page that hears of it is closed; one that has to ask takes longer.
AT_ONCE = 10_000


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
def visitor(
    web: WebServer, browser: Browser, database: None, request: pytest.FixtureRequest
) -> Iterator[Page]:
    """The start page in a fresh browser of the language ``request.param``."""
    page = visit(browser, web.url, getattr(request, "param", "en"))
    yield page
    page.context.close()


def codes(secret: str) -> tuple[str, str]:
    """Return the code of now and the one of the next half minute.

    Both are still taken when a half minute ends between here and the server.
    """
    app, now = pyotp.TOTP(secret), int(time.time())
    return app.at(now), app.at(now + 30)


def test_the_first_login_of_a_fresh_system(
    web: WebServer,
    browser: Browser,
    database: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = visit(browser, web.url, "zh-CN")
    expect(page.locator(".first-account")).to_contain_text("manage.py createsuperuser")

    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", interactive=False, username="mei", verbosity=0)
    page.reload()
    expect(page.locator(".first-account")).to_have_count(0)

    # An account that exists and one that does not are refused in the same words.
    for name in ("mei", "nobody"):
        log_in(page, name, "a wrong guess")
        expect(page.locator("[name=username]")).to_have_value(name)
        expect(page.locator(".errorlist")).to_have_text("用户名或密码错误。")
        page.locator("[name=username]").fill("")

    log_in(page, "mei")
    expect(page.locator(".message-warning")).to_contain_text("1")
    # Whoever chose no start page begins where the first steps are.
    expect(page.locator("h1")).to_have_text("概览")
    steps = page.locator("#dash-steps li")
    expect(steps).to_have_count(3)
    steps.get_by_role("link", name="新建策略").click()
    expect(page.locator("h1")).to_have_text("新建策略")
    page.context.close()


@pytest.mark.parametrize("visitor", ["zh-CN"], indirect=True)
def test_a_second_factor_is_set_up_and_opens_the_door_with_either_code(
    visitor: Page, database: None
) -> None:
    person("mei", Role.OPERATOR, "zh-CN")
    page = visitor
    log_in(page, "mei")
    online(page)
    page.locator("header .person").click()
    page.get_by_role("link", name="安全", exact=True).click()
    page.locator("form[action$='/begin/'] [name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    secret = (page.locator(".steps code").text_content() or "").replace(" ", "")
    page.locator("[name=code]").fill(codes(secret)[0])
    page.keyboard.press("Enter")
    expect(page.locator(".recovery li")).to_have_count(10)
    recovery = page.locator(".recovery li").all_inner_texts()
    page.get_by_role("link", name="我已保存").click()
    expect(page.locator("[aria-labelledby=factor] .badge")).to_have_text("已启用")

    for code in (codes(secret)[1], recovery[0]):
        log_out(page, "退出登录")
        log_in(page, "mei")
        expect(page.locator("[name=code]")).to_be_focused()
        page.keyboard.type(code)
        page.keyboard.press("Enter")
        online(page)

    # Each opens once.
    log_out(page, "退出登录")
    log_in(page, "mei")
    expect(page.locator("[name=code]")).to_be_focused()
    page.keyboard.type(recovery[0])
    page.keyboard.press("Enter")
    expect(page.locator(".errorlist")).to_be_visible()


def test_a_session_is_ended_from_another_browser(
    web: WebServer, browser: Browser, visitor: Page, database: None
) -> None:
    person("mei", Role.VIEWER, "en")
    here, there = visitor, visit(browser, web.url, "en")
    for page in (here, there):
        log_in(page, "mei")
        online(page)

    here.locator("header .person").click()
    here.get_by_role("link", name="Security", exact=True).click()
    rows = here.locator("[aria-labelledby=browsers] tbody tr")
    expect(rows).to_have_count(2)
    other = rows.filter(has_not_text="This browser")
    other.get_by_role("button", name="Log out").click()
    expect(here.locator(".messages")).to_be_visible()
    expect(rows).to_have_count(1)

    # Nobody clicked there.
    there.wait_for_url(re.compile("/login/"), timeout=AT_ONCE)
    expect(there.locator(".message")).to_contain_text("You were logged out")
    # The one that ended it goes on.
    go(here, "Live signals")
    online(here)
    there.context.close()


def test_a_browser_without_an_open_connection_is_out_at_its_next_click(
    web: WebServer, browser: Browser, visitor: Page, database: None
) -> None:
    person("mei", Role.VIEWER, "en")
    here, there = visitor, visit(browser, web.url, "en")
    for page in (here, there):
        log_in(page, "mei")
        online(page)
    go(there, "Strategies")
    here.locator("header .person").click()
    here.get_by_role("link", name="Security", exact=True).click()
    here.get_by_role("button", name="Log out everywhere else").click()
    expect(here.locator(".message-success")).to_contain_text("1 session was ended.")

    go(there, "Charts")
    there.wait_for_url(re.compile(r"/login/\?next=/charts/"))
    log_in(there, "mei")
    # Back to where the click wanted to go.
    expect(there.locator("h1")).to_have_text("Charts")
    there.context.close()


def test_a_language_is_chosen_once_and_known_elsewhere(
    web: WebServer, browser: Browser, visitor: Page, database: None
) -> None:
    person("mei", Role.OPERATOR, "en")
    page = visitor
    log_in(page, "mei")
    online(page)
    go(page, "Strategies")
    page.get_by_role("button", name="简体中文").click()

    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(page.locator("h1")).to_have_text("策略")
    assert page.url.endswith("/strategies/")
    words = page.locator("body").inner_text().replace("BTC Watcher", "")
    for name in ("freqtrade", "English", "mei", "UTC", "API"):
        words = words.replace(name, "")
    assert re.findall("[A-Za-z]{2,}", words) == []

    # A browser that prefers English; the account knows better.
    other = visit(browser, web.url, "en")
    expect(other.locator("html")).to_have_attribute("lang", "en")
    log_in(other, "mei")
    expect(other.locator("h1")).to_have_text("实时信号")
    other.context.close()


@pytest.mark.parametrize("visitor", ["zh-CN"], indirect=True)
def test_an_operator_starts_and_does_not_manage_people(
    web: WebServer, visitor: Page, database: None
) -> None:
    person("mei", Role.OPERATOR, "zh-CN")
    strategy = made("均线")
    page = visitor
    log_in(page, "mei")
    online(page)
    go(page, "策略")
    page.get_by_role("button", name="启动 均线").click()
    expect(page.locator(".messages")).to_contain_text("均线")
    strategy.refresh_from_db()
    assert strategy.status == "starting"

    expect(page.locator("header nav a", has_text="管理后台")).to_have_count(0)
    for path in ("/admin/accounts/user/", "/audit/"):
        page.goto(f"{web.url}{path}")
        expect(page.locator(".error-code")).to_have_text("403")
        expect(page.locator("main")).to_contain_text(re.compile("管理员|权限"))


def test_a_viewer_sees_everything_and_changes_nothing(
    web: WebServer, visitor: Page, database: None
) -> None:
    person("ann", Role.VIEWER, "en")
    strategy = made("ema cross")
    page = visitor
    log_in(page, "ann")
    online(page)
    expect(page.locator("header")).to_contain_text("read only")
    go(page, "Strategies")
    row = page.locator("tbody tr[data-key]")
    expect(row).to_contain_text("ema cross")
    expect(row.get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("link", name="New strategy")).to_have_count(0)
    page.get_by_role("link", name="ema cross").click()
    expect(page.locator("main").get_by_role("button", name="Start")).to_have_count(0)
    go(page, "Notifications")
    page.get_by_role("link", name="Channels", exact=True).click()
    expect(page.get_by_role("link", name="New channel")).to_have_count(0)

    # Whoever sends the form all the same is refused, in a sentence.
    answer = page.evaluate(
        """async (path) => {
            const token = JSON.parse(document.body.getAttribute("hx-headers"));
            const body = new URLSearchParams({ action: "start" });
            const answer = await fetch(path, { method: "POST", headers: token, body });
            return [answer.status, await answer.text()];
        }""",
        f"/strategies/{strategy.pk}/change/",
    )
    assert answer[0] == 403
    assert "yours is Viewer" in answer[1]
    assert Strategy.objects.get().status == "stopped"


def test_a_token_is_made_used_seen_and_revoked(
    web: WebServer, visitor: Page, database: None
) -> None:
    person("mei", Role.OPERATOR, "en")
    page = visitor
    log_in(page, "mei")
    online(page)
    page.locator("header .person").click()
    page.get_by_role("link", name="API tokens", exact=True).click()
    page.get_by_label("Name").fill("night script")
    page.get_by_label("write:").check()
    page.keyboard.press("Enter")
    token = page.locator("code.token").inner_text()
    row = page.locator("tr", has_text="night script")
    expect(row).to_contain_text("never")

    with requests.Session() as program:
        program.headers["Authorization"] = f"Bearer {token}"
        address = f"{web.url}/api/v1/signals/"
        signal = {
            "strategy": "night",
            "pair": "BTC/USDT",
            "exchange": "binance",
            "timeframe": "5m",
            "type": "BUY",
            "price": 63210.5,
            "strength": 91,
            "timestamp": timezone.now().isoformat(),
        }
        posted = program.post(address, json=signal, timeout=30)
        assert posted.status_code == 201, posted.text

        page.get_by_role("link", name="Done").click()
        assert token not in page.content()
        expect(row).not_to_contain_text("never")
        row.get_by_role("button", name="Revoke").click()
        expect(page.locator("main")).to_contain_text("No API token yet")

        refused = program.get(address, timeout=30)
    assert refused.status_code == 401
    assert refused.json()["detail"]
    go(page, "Live signals")
    expect(page.locator("#signals tbody tr")).to_contain_text("night")

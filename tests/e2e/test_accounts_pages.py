"""One's own account in a real browser: second factor, sessions, tokens, the audit."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pyotp
import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import NAME, PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def test_a_second_factor_is_set_up_and_asked_for(page: Page, web: WebServer) -> None:
    page.goto(f"{web.url}/profile/security/")
    page.fill("form[action$='/begin/'] input[name=password]", PASSWORD)
    page.click("text=Set it up")
    picture = page.locator(".picture svg")
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    assert box is not None
    assert box["width"] > 100
    secret = (page.locator(".steps code").text_content() or "").replace(" ", "")
    page.fill("input[name=code]", pyotp.TOTP(secret).at(int(time.time()) - 30))
    page.click("text=Turn it on")
    expect(page.locator(".recovery li")).to_have_count(10)
    page.click("text=I have kept them")

    page.click("header >> text=Log out")
    page.fill("input[name=username]", NAME)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(re.compile("/login/code/"))
    page.fill("input[name=code]", "000000")
    page.press("input[name=code]", "Enter")
    expect(page.locator(".errorlist")).to_contain_text("The code is wrong")
    page.fill("input[name=code]", pyotp.TOTP(secret).now())
    page.press("input[name=code]", "Enter")
    page.wait_for_selector("#connection[data-state=online]")


def test_all_other_browsers_are_logged_out(
    page: Page, browser: Browser, web: WebServer
) -> None:
    other = browser.new_context(locale="en-GB").new_page()
    other.goto(web.url)
    other.fill("input[name=username]", NAME)
    other.fill("input[name=password]", PASSWORD)
    other.press("input[name=password]", "Enter")
    other.wait_for_selector("#connection[data-state=online]")
    page.goto(f"{web.url}/profile/security/")
    page.click("text=Log out everywhere else")
    expect(page.locator(".message-success")).to_contain_text("1 session was ended.")
    other.goto(f"{web.url}/profile/")
    other.wait_for_url(re.compile("/login/"))
    other.context.close()


def test_a_token_has_scopes_and_its_making_is_in_the_audit(
    page: Page, web: WebServer
) -> None:
    page.goto(f"{web.url}/profile/tokens/")
    page.fill("input[name=name]", "night script")
    page.check("input[value=write]")
    page.click("button:has-text('Make a token')")
    expect(page.locator("code.token")).to_be_visible()
    row = page.locator("tr", has_text="night script")
    expect(row.locator(".badge")).to_have_text(["read", "write"])
    page.goto(f"{web.url}/audit/")
    entry = page.locator("tr", has_text="night script")
    expect(entry).to_contain_text(NAME)
    entry.locator("summary").click()
    expect(entry.locator(".changes")).to_contain_text("***")

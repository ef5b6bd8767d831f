"""What a person does in a browser: opens the start page, logs in, follows the menu."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group
from playwright.sync_api import expect

from accounts.models import User

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from accounts.roles import Role

PASSWORD = "correct-horse-battery"
# Whoever chose nothing begins on the dashboard.
BEGINS_LIVE = {"display": {"start": "live"}}
LOCALES = {"en": "en-GB", "zh-CN": "zh-CN"}


def person(name: str, role: Role | None, language: str) -> User:
    """Make an account that begins on the live page; no role makes a superuser."""
    fields: dict[str, Any] = {
        "language": language,
        "timezone": "UTC",
        "preferences": BEGINS_LIVE,
    }
    if role is None:
        return User.objects.create_superuser(name, PASSWORD, **fields)
    user = User.objects.create_user(name, PASSWORD, **fields)
    user.groups.add(Group.objects.get(name=role.value))
    return user


def visit(browser: Browser, url: str, language: str) -> Page:
    """Open the start page in a fresh browser that prefers ``language``."""
    context = browser.new_context(
        locale=LOCALES[language], viewport={"width": 1366, "height": 900}
    )
    page = context.new_page()
    page.goto(url)
    return page


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Type name and password, by keyboard alone."""
    expect(page.locator("[name=username]")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def go(page: Page, label: str) -> None:
    """Follow the menu's entry, opening the group that holds it."""
    menu = page.locator("header nav")
    # An icon may stand beside the words.
    link = menu.locator("a", has_text=re.compile(rf"^\s*{re.escape(label)}\s*$"))
    if not link.first.is_visible():
        menu.locator("details", has=link).first.locator("summary").click()
    link.first.click()


def log_out(page: Page, label: str) -> None:
    """Leave by the button in the top bar."""
    page.locator("header").get_by_role("button", name=label, exact=True).click()
    expect(page.locator("[name=password]")).to_be_visible()


def online(page: Page) -> None:
    """Wait until the live page hears what happens."""
    expect(page.locator("#connection")).to_have_attribute("data-state", "online")


def fits(page: Page) -> bool:
    """Tell whether nothing is wider than the window."""
    return bool(
        page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    )

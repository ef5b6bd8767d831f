"""The page of the API in a real browser: it shows every address, and tries one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import expect

from tests.e2e.axe import SPARED, look

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def test_the_api_is_read_and_tried_under_the_policy_of_the_pages(
    web: WebServer, page: Page
) -> None:
    refused: list[str] = []
    page.on(
        "console",
        lambda said: (
            refused.append(said.text)
            if "Content Security Policy" in said.text
            else None
        ),
    )
    page.goto(f"{web.url}/api/")
    expect(page.locator(".opblock-tag-section").first).to_be_visible(timeout=30_000)
    assert page.locator(".opblock-tag-section").count() > 10

    page.goto(f"{web.url}/api/#/silences/silences_list")
    page.reload()
    operation = page.locator("#operations-silences-silences_list")
    expect(operation).to_be_visible(timeout=30_000)
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answered = operation.locator(".live-responses-table td.response-col_status")
    expect(answered.last).to_contain_text("200")

    page.goto(f"{web.url}/api/")
    expect(page.locator(".opblock-tag-section").first).to_be_visible(timeout=30_000)
    page.set_viewport_size({"width": 380, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    assert refused == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_what_the_library_draws_can_be_read(
    web: WebServer, page: Page, theme: Literal["dark", "light"]
) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.goto(f"{web.url}/api/#/silences/silences_create")
    expect(page.locator("#operations-silences-silences_create")).to_be_visible(
        timeout=30_000
    )
    found = look(page, "/api/", ["color-contrast"], spared=SPARED)
    assert {each.element: each.words for each in found if each.fails} == {}

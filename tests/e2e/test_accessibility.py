"""axe-core finds nothing serious on any page, in both themes and both languages."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from tests.e2e.axe import Finding, look
from tests.e2e.every_page import admin_pages, is_page, pages, routes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from playwright.sync_api import Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def in_the_dark(page: Page, base: str, paths: Iterable[str]) -> Iterator[Finding]:
    """Look at pages in the dark theme."""
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    for path in paths:
        page.goto(f"{base}{path}")
        yield from look(page, f"{path} dark")


def in_both_themes(page: Page, base: str, paths: Iterable[str]) -> Iterator[Finding]:
    """Look at pages in both themes; at what is not about colours once."""
    for path in paths:
        yield from in_the_dark(page, base, [path])
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        yield from look(page, f"{path} light", ["color-contrast"])


def told(found: Iterable[Finding]) -> str:
    """Say what was found: each thing once, with the pages that have it."""
    pages_of: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for each in found:
        pages_of[each.impact, each.rule, each.element].append(each)
    return "\n".join(
        f"{impact} {rule}: {element}\n    {same[0].words}\n    on "
        + ", ".join(sorted({each.page for each in same}))
        for (impact, rule, element), same in sorted(pages_of.items())
    )


def check(found: Iterable[Finding]) -> None:
    """Fail with what is serious; what is only worth knowing is printed."""
    every = list(found)
    print(told(each for each in every if not each.fails))  # noqa: T201 - for pytest
    if wrong := [each for each in every if each.fails]:
        pytest.fail(told(wrong), pytrace=False)


def test_pages_with_rows_are_good_for_everybody(
    web: WebServer, page: Page, house: dict[str, object]
) -> None:
    paths = pages(page.request, web.url, house)
    assert len(paths) > 30
    check(in_both_themes(page, web.url, paths))


def test_the_admin_is_good_for_everybody(
    web: WebServer, page: Page, house: dict[str, object]
) -> None:
    paths = list(admin_pages(page.request, web.url))
    row = f"/admin/strategies/strategy/{house['strategies/']}/change/"
    # One style sheet serves all of its lists.
    check(in_both_themes(page, web.url, [*paths[:2], row]))
    check(in_the_dark(page, web.url, paths[2:]))


def test_pages_of_an_empty_system_are_good_for_everybody_in_chinese(
    web: WebServer, page: Page
) -> None:
    paths = [
        route
        for route in routes()
        if "<" not in route and is_page(page.request, f"{web.url}{route}")
    ]
    page.click("button[name=language][value=zh-hans]")
    check(in_the_dark(page, web.url, paths))
    assert page.locator("html").get_attribute("lang") == "zh-hans"

"""Everything can be done without a mouse: seen where one is, never caught."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import expect

from tests.e2e.every_page import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
# What the Tab key reaches, in the order of the document.
REACHED: Final = """
[...document.querySelectorAll(
  'a[href], button, input, select, textarea, summary, [tabindex]')].filter(each =>
  each.tabIndex >= 0 && !each.disabled && each.checkVisibility({visibilityProperty: true})
  && !(each.type === 'radio' && !each.checked))
"""
# The browser shows the focus of what a script chooses, too, after a key was pressed.
UNSEEN: Final = f"""() => {{
  const look = each => {{
    const style = getComputedStyle(each);
    const frame = getComputedStyle(each, '::after');  // above a canvas that fills it
    return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1)
      || (frame.content !== 'none' && parseFloat(frame.borderTopWidth) >= 2);
  }};
  return {REACHED.strip()}.filter(each => {{
    each.focus({{preventScroll: true}});
    const around = [each, ...(each.labels ?? []), each.parentElement];
    return document.activeElement === each && !around.some(look);
  }}).map(each => each.outerHTML.slice(0, 120));
}}"""
FLOATING: Final = """
[...document.querySelectorAll('main details')].filter(each =>
  each.querySelector(':scope > :not(summary)') && each.checkVisibility()
  && getComputedStyle(each.querySelector(':scope > :not(summary)')).position === 'absolute'
).map(each => each.querySelector('summary'))
"""
WHERE: Final = "document.activeElement === document.body ? '' :" + (
    " document.activeElement.outerHTML.slice(0, 120)"
)


def skips(page: Page) -> bool:
    """Tell whether the first Tab offers to skip to the content, and Enter does so."""
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    if page.evaluate("document.querySelector('[autofocus]') !== null"):
        return True
    expect(page.locator(".skip-link")).to_be_in_viewport()
    page.keyboard.press("Enter")
    return bool(
        page.evaluate("document.activeElement === document.querySelector('main')")
    )


def staying(page: Page) -> Iterator[str]:
    """Give what floats above the page, was opened by Enter and not closed by Escape."""
    for number in range(page.evaluate(f"{FLOATING}.length")):
        one = f"{FLOATING}[{number}]"
        page.evaluate(f"{one}.focus()")
        page.keyboard.press("Enter")
        page.wait_for_function(f"{one}.parentElement.open")
        page.keyboard.press("Escape")
        given_back = f"!{one}.parentElement.open && document.activeElement === {one}"
        if not page.evaluate(given_back):
            yield page.evaluate(f"{one}.outerHTML.slice(0, 160)")
            page.reload()


def test_on_every_page_one_skips_to_the_content_and_sees_where_one_is(
    web: WebServer, page: Page, house: dict[str, object]
) -> None:
    wrong: list[Any] = []
    for path in pages(page.request, web.url, house):
        page.goto(f"{web.url}{path}")
        if not skips(page):
            wrong.append((path, "the link that skips does not"))
        wrong += [(path, "not seen", each) for each in page.evaluate(UNSEEN)]
        wrong += [(path, "stays open", each) for each in staying(page)]
    assert not wrong, "\n".join(map(str, wrong))


def walk_through(page: Page) -> int:
    """Press Tab until it leaves the page; return how many places it came to."""
    page.evaluate("document.activeElement.blur()")
    most = page.evaluate(f"{REACHED}.length") + 40
    seen: list[str] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        where = page.evaluate(WHERE)
        if seen and (not where or "skip-link" in where):
            break
        if seen and where == seen[-1] and where.startswith("<textarea"):
            page.keyboard.press("Escape")  # indents until it is told not to
        seen.append(where)
    else:
        pytest.fail(f"Caught on {page.url}: {seen[-5:]}")
    return len(set(seen))


def test_tab_goes_through_a_page_and_leaves_it(
    web: WebServer, page: Page, house: dict[str, object]
) -> None:
    draft = f"/strategies/drafts/{house['strategies/drafts/']}/"
    for path in ("/", "/charts/", "/api/", draft):
        page.goto(f"{web.url}{path}")
        assert walk_through(page) > 12


def test_menus_open_and_close_by_keys_and_give_the_focus_back(
    web: WebServer, page: Page
) -> None:
    page.goto(f"{web.url}/dashboard/")
    group = page.locator(".nav-group").first
    summary = group.locator("summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(group).to_have_attribute("open", "")
    page.keyboard.press("ArrowDown")
    expect(group.locator("a").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(group).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()


def test_a_question_is_asked_and_left_by_escape(
    web: WebServer, page: Page, house: dict[str, object]
) -> None:
    page.goto(f"{web.url}/freqtrade/operations/{house['freqtrade/operations/']}/")
    button = page.locator("button[data-confirm]").first
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog#ask")
    expect(dialog).to_be_visible()
    assert dialog.evaluate("each => each.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


def test_signals_are_filtered_and_opened_without_a_mouse(
    web: WebServer, page: Page, house: dict[str, object]
) -> None:
    page.goto(web.url)
    expect(page.locator("#signals tbody tr").first).to_be_visible()
    page.keyboard.press("/")
    expect(page.locator("#f-pair")).to_be_focused()
    page.keyboard.type("BTC")
    page.wait_for_url("**pair=BTC**")
    page.keyboard.press("Tab")
    expect(page.locator("#f-strategy")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.wait_for_url("**type=**")
    expect(page.locator("#filters")).not_to_have_attribute("aria-busy", "true")
    rows = page.locator("#signals tbody tr")
    expect(rows.first).to_be_visible()
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/signals/*/")


def test_who_stands_on_a_signal_stays_there_when_the_list_comes_anew(
    web: WebServer, page: Page, house: dict[str, object]
) -> None:
    page.goto(web.url)
    row = page.locator("#signals tbody tr").first
    expect(row).to_be_visible()
    page.keyboard.press("j")
    expect(row.locator(".when a")).to_be_focused()
    row.evaluate("row => row.classList.add('old')")

    # As a choice of another hand would, without taking the focus.
    page.evaluate("""() => {
      const field = document.getElementById('f-strength');
      field.value = '1';
      field.dispatchEvent(new Event('input', { bubbles: true }));
    }""")

    expect(page.locator("#signals tbody tr.old")).to_have_count(0)
    expect(row.locator(".when a")).to_be_focused()

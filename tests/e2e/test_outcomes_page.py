"""Outcomes in a real browser: the table, marking with keys, both themes and widths."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from signals_app.models import SignalChoice
from tests.signals_app.outcome_rows import judged, path, stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from playwright.sync_api import Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture
def ids(django_db_blocker: Any, web: WebServer) -> Iterator[list[UUID]]:
    """Three signals, of which two have an outcome."""
    with django_db_blocker.unblock():
        moment = timezone.now().replace(second=0, microsecond=0)
        found = stored(
            *[
                {"timestamp": moment - timedelta(minutes=30 + n), "pair": f"P{n}/USDT"}
                for n in range(3)
            ]
        )
        judged(found[:1], path(63_210.5, 0.5, 1.25))
        judged(found[1:2], path(63_210.5, -0.5)[:4], due=moment + timedelta(days=1))
        yield found


def test_hit_rates_are_readable_in_every_theme_and_width(
    web: WebServer, page: Page, ids: list[UUID]
) -> None:
    page.goto(web.url)
    page.get_by_role("link", name="Outcomes").click()
    row = page.locator(".rates tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("50 %")
    expect(row.locator("svg").first).to_have_attribute(
        "aria-label",
        "95 % interval: 9–91\xa0%",  # noqa: RUF001 - from, to
    )
    for theme in ("dark", "light"):
        # In a narrow window the choice is folded away.
        page.set_viewport_size({"width": 1440, "height": 900})
        page.click(f"[data-theme-choice={theme}]")
        for width in (1440, 380):
            page.set_viewport_size({"width": width, "height": 900})
            for address in ("/outcomes/", "/outcomes/signals/", f"/signals/{ids[0]}/"):
                page.goto(f"{web.url}{address}")
                expect(page.locator("h1")).to_be_visible()
                page.wait_for_function(
                    f"document.documentElement.scrollWidth <= {width}"
                )


def test_signals_are_marked_with_keys(
    web: WebServer, page: Page, ids: list[UUID]
) -> None:
    page.goto(f"{web.url}/outcomes/signals/")
    taken, skipped = f"#taken-{ids[0]}", f"#skipped-{ids[1]}"

    page.keyboard.press("j")
    page.keyboard.press("t")
    expect(page.locator(taken)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("j")
    page.keyboard.press("s")
    expect(page.locator(skipped)).to_have_attribute("aria-pressed", "true")
    assert SignalChoice.objects.get(signal_id=ids[0]).choice == "taken"

    # Once more takes it back; in a field a letter is a letter.
    page.keyboard.press("k")
    page.keyboard.press("t")
    expect(page.locator(taken)).to_have_attribute("aria-pressed", "false")
    page.locator("#f-pair").press_sequentially("ts")
    expect(page.locator(taken)).to_have_attribute("aria-pressed", "false")
    page.select_option("#f-choice", "skipped")
    page.locator("#f-pair").fill("")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("[data-choice-row]")).to_have_count(1)


def test_a_note_is_written_beside_the_decision(
    web: WebServer, page: Page, ids: list[UUID]
) -> None:
    page.goto(f"{web.url}/signals/{ids[0]}/")
    expect(page.locator(".looks")).to_contain_text("+1.25 %")
    page.keyboard.press("t")
    expect(page.locator(f"#taken-{ids[0]}")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Note").fill("half size")
    page.get_by_label("Note").press("Enter")
    expect(page.locator("[data-choice]")).to_contain_text("Other traders do not see it")
    page.reload()
    expect(page.get_by_label("Note")).to_have_value("half size")


def test_the_live_page_shows_what_became_of_signals(
    web: WebServer, page: Page, ids: list[UUID]
) -> None:
    page.goto(web.url)
    cell = page.locator(f'tr[data-id="{ids[0]}"] .became')
    expect(cell).to_contain_text("+1.25 %")
    expect(page.locator(f'tr[data-id="{ids[2]}"] .became')).to_be_empty()

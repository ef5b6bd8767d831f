"""The journey of a strategy on real freqtrade: from a template to running, and back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from django.utils import timezone
from playwright.sync_api import expect

from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.simulator import SimulatedExchange
from tests.e2e.journeys import go
from tests.freqtrade_mgmt.supervising import carrying, supervisor_of_its_own

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from freqtrade_mgmt.installer import InstalledFreqtrade
    from tests.e2e.system import WebServer

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.freqtrade,
    pytest.mark.timeout(600),
]
# A trial and a bot each start a Python with freqtrade in it.
SLOW = 150_000


@pytest.fixture
def supervisor(
    real_freqtrade: InstalledFreqtrade,
    web: WebServer,
    django_db_blocker: Any,
    settings: Any,
) -> Iterator[None]:
    """The supervisor beside the web process, the exchange, and freqtrade installed."""
    settings.BTCW_HOME = web.home
    with django_db_blocker.unblock(), SimulatedExchange() as exchange:
        settings.SIMULATOR_URL = exchange.url
        FreqtradeVersion.objects.create(
            version=real_freqtrade.version,
            is_installed=True,
            install_date=timezone.now(),
            install_path=str(real_freqtrade.path),
        )
        with supervisor_of_its_own(settings):
            yield
        # The supervisor was killed, which bots outlive.
        for bot in carrying(web.home):
            with contextlib.suppress(psutil.Error):
                bot.kill()


def test_a_template_becomes_a_running_strategy_that_is_stopped_again(
    page: Page, supervisor: None
) -> None:
    go(page, "Strategies")
    page.get_by_role("link", name="New strategy").first.click()
    page.get_by_role("button", name="Moving averages cross").click()
    page.locator("#editor [name=name]").fill("My cross")
    page.keyboard.press("Tab")
    expect(page.locator("#save-state")).to_have_attribute("data-state", "saved")
    expect(page.locator("#title")).to_have_text("My cross")
    page.locator("button[value=publish]").click()
    expect(page.locator("main")).to_contain_text("is published as v1.0", timeout=SLOW)

    page.get_by_role("button", name="Start", exact=True).click()
    state = page.locator("#head .state")
    expect(state).to_have_text("starting")
    # Nobody loads the page again.
    expect(state).to_have_text("running", timeout=SLOW)
    page.reload()
    expect(page.locator("#log")).to_contain_text("freqtrade", timeout=30_000)
    go(page, "Dashboard")
    expect(page.locator("#dash-strategies")).to_contain_text("running")

    go(page, "Strategies")
    page.get_by_role("button", name="Stop My cross").click()
    row = page.locator("tbody tr[data-key]")
    expect(row).to_contain_text("stopped", timeout=SLOW)

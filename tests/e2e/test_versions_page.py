"""Releases in a real browser: an installation that is followed, an upgrade that is asked for.

A supervisor carries the installation out, with a tiny freqtrade from a package index on loopback.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.services import releases_refresh
from tests.freqtrade_mgmt.packages import PackageIndex, companions, tiny_freqtrade
from tests.freqtrade_mgmt.supervising import supervisor_of_its_own
from tests.freqtrade_mgmt.version_world import NEW, OLD, installed, upgrading
from tests.strategies.pages import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

STAGES = (
    "look_up",
    "environment",
    "download",
    "build",
    "compile",
    "verify",
    "trial",
    "run",
)


@pytest.fixture
def database(django_db_blocker: Any, web: WebServer) -> Iterator[None]:
    """The test's database, which the browser's event loop would keep us from."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def index(
    web: WebServer, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PackageIndex]:
    """A package index that pip, and so the installer, is configured for."""
    settings.BTCW_HOME = web.home
    # Nobody listens there, so the proof of a release brings an exchange of its own.
    settings.SIMULATOR_URL = "http://127.0.0.1:9/api/v3"
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    tiny_freqtrade(wheels, "2026.8")
    tiny_freqtrade(wheels, "2026.10")
    companions(wheels)
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:  # noqa: TID251 - what the machine's pip is told
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    with PackageIndex(wheels) as index:
        (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index.url}\n")
        yield index


def stage(page: Page, code: str) -> Any:
    return page.locator(f'.stages [data-key="{code}"]')


def begun(web: WebServer, page: Page) -> None:
    """Ask for an installation on the list of releases."""
    page.goto(f"{web.url}/freqtrade/")
    expect(page.locator('tr[data-key="v2026.10"]')).to_contain_text("2026-09-30")
    page.get_by_role("button", name="Install 2026.10").click()
    page.wait_for_url(re.compile(r"/freqtrade/operations/\d+/$"))
    expect(page.locator("#op-head")).to_contain_text("pending")


def cancelled(page: Page) -> None:
    """Cancel the installation, after the question, and wait for its end."""
    page.get_by_role("button", name="Cancel").click()
    question = page.locator("#ask")
    expect(question).to_contain_text("What was made so far is removed")
    question.get_by_role("button", name="Yes, do it").click()
    expect(page.locator("#op-now")).to_contain_text("It was cancelled.", timeout=30_000)


def test_an_installation_is_cancelled_repeated_and_followed_to_its_end(
    web: WebServer, page: Page, database: None, index: PackageIndex, settings: Any
) -> None:
    releases_refresh()
    # It answers nothing for now, so the installation stands at its first stages.
    index.hold()
    begun(web, page)
    with supervisor_of_its_own(settings):
        expect(page.locator("#op-head")).to_contain_text("in progress", timeout=30_000)
        expect(stage(page, "look_up")).to_be_visible(timeout=30_000)
        cancelled(page)
        assert not FreqtradeVersion.objects.filter(is_installed=True).exists()

        page.get_by_role("button", name="Install it again").click()
        expect(page.locator(".doing progress")).to_be_visible()
        page.evaluate("window.stays = true")
        index.release()
        expect(page.locator("#op-now")).to_contain_text(
            "freqtrade 2026.10 is installed.", timeout=120_000
        )
    for code in STAGES:
        expect(stage(page, code)).to_have_class("stage-done")
    expect(stage(page, "run")).to_contain_text(re.compile(r"\d s"))
    expect(page.locator(".told-steps li").first).to_contain_text("is installed")
    expect(page.get_by_role("link", name="Upgrade to this")).to_be_visible()
    # All of that came without loading the page again.
    assert page.evaluate("window.stays") is True
    statuses = FreqtradeUpgrade.objects.order_by("id").values_list("status", flat=True)
    assert list(statuses) == ["failed", "completed"]


def test_the_pages_fit_a_telephone_and_the_plan_follows_the_choices(
    web: WebServer, page: Page, database: None, settings: Any
) -> None:
    settings.BTCW_HOME = web.home
    installed(web.home, OLD)
    installed(web.home, NEW)
    asked = upgrading([running("first"), running("second")])
    page.set_viewport_size({"width": 380, "height": 800})
    for path in ("", "operations/", f"operations/{asked.pk}/", f"{NEW}/uninstall/"):
        page.goto(f"{web.url}/freqtrade/{path}")
        page.wait_for_function("document.documentElement.scrollWidth <= 380")
    asked.delete()
    page.goto(f"{web.url}/freqtrade/upgrade/")
    page.wait_for_function("document.documentElement.scrollWidth <= 380")
    expect(page.locator("#plan")).to_contain_text("It is watched for 10 min.")
    page.fill("#id_watch_minutes", "25")
    expect(page.locator("#plan")).to_contain_text("It is watched for 25 min.")
    page.select_option("#id_canary", label="second")
    expect(page.locator("#plan")).to_contain_text("second goes first")
    page.get_by_role("button", name=f"Upgrade to {NEW} now").click()
    page.wait_for_url(re.compile(r"/freqtrade/operations/\d+/$"))
    options = FreqtradeUpgrade.objects.get().migration_log["options"]
    assert options["watch_seconds"] == 1500

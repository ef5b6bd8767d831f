"""The page of the backups in a real browser: asked for, followed, looked at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from monitoring.runs.following import BACKUP, followed
from monitoring.tasks import backup_now
from tests.monitoring.asking import asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis
    from playwright.sync_api import Page
    from pytest_django import Settings

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture
def database(
    django_db_blocker: Any, web: WebServer, settings: Settings
) -> Iterator[None]:
    """The test's database, which the browser's event loop would keep us from."""
    settings.BACKUP_FOLDER = str(web.home / "backups")
    with django_db_blocker.unblock():
        yield


@pytest.mark.usefixtures("database")
def test_a_backup_is_asked_for_followed_and_looked_at(
    web: WebServer, page: Page, redis_client: redis.Redis
) -> None:
    page.goto(f"{web.url}/system/backups/")
    page.locator(".empty").get_by_role("button", name="Back up now").click()
    run = page.locator("#run")
    expect(run).to_contain_text("begins soon")
    ((_task, words),) = asked(redis_client)
    with followed(BACKUP, "backup", number=words["run"], by="trader") as told:
        told.say("Dumping the database", "table 15 of 60 (public.signals), 1.5 MB")
        expect(run.locator("progress")).to_have_attribute("value", "25")
        told.say("Restoring", "")
        expect(run.locator(".step-done")).to_contain_text("1.5 MB")
    # That was said and not done: the page loads again, and there is nothing.
    expect(page.locator(".empty")).to_be_visible()
    page.get_by_role("button", name="Back up now").first.click()
    words = asked(redis_client)[0][1]
    name = backup_now(**words)
    expect(page.locator(".message-success")).to_contain_text(name)
    row = page.locator(".saved tbody tr")
    expect(row.locator(".badge-ok")).to_have_text("restored on trial")
    page.set_viewport_size({"width": 380, "height": 800})
    page.wait_for_function("document.documentElement.scrollWidth <= 380")
    row.get_by_role("link").click()
    expect(page.locator(".token").first).to_contain_text(f"restore {name} --into look")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").nth(1).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(rf"\S+ manage\.py restore {name}", copied)
    page.wait_for_function("document.documentElement.scrollWidth <= 380")

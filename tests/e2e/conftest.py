"""A web server and a browser."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserType, Page, expect, sync_playwright

from accounts.models import User
from tests.e2e.full_house import furnished
from tests.e2e.journeys import BEGINS_LIVE
from tests.e2e.system import WebServer, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis
    from pytest_django import Settings

# A browser beside a full processor is slow, and what is awaited costs nothing once there.
expect.set_options(timeout=15_000)

NAME, PASSWORD = "trader", "correct-horse-battery"
# Chromium asks its maker's hosts for this and that at every start.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def lasting_web(
    django_db_setup: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WebServer]:
    """A web process for all tests of a module, whose rows come and go under it.

    Starting one costs more than most of what is done with it.
    """
    home = tmp_path_factory.mktemp("home")
    with django_db_blocker.unblock():
        variables = environment(home, settings.REDIS_URL)
    server = WebServer(variables, home.with_suffix(".log")).start()
    yield server
    server.stop()


@pytest.fixture
def bare_web(
    transactional_db: None, redis_client: redis.Redis, lasting_web: WebServer
) -> WebServer:
    """The module's web process on a database without rows, in a home without files."""
    lasting_web.begin_anew()
    return lasting_web


@pytest.fixture
def web(bare_web: WebServer) -> WebServer:
    """The same, with somebody who may log in and begins on the live page."""
    User.objects.create_superuser(
        NAME, PASSWORD, language="en", timezone="UTC", preferences=BEGINS_LIVE
    )
    return bare_web


class Chromium:
    """Headless Chromium, started anew where it has died: that is one test's bad luck."""

    def __init__(self, kind: BrowserType, program: str) -> None:
        self._kind, self._program = kind, program
        self._started: Browser | None = None

    def living(self) -> Browser:
        """Return the browser that runs."""
        if self._started is None or not self._started.is_connected():
            self._started = self._kind.launch(
                executable_path=self._program, args=list(QUIET)
            )
        return self._started

    def close(self) -> None:
        """End it; without one this does nothing."""
        if self._started is not None:
            self._started.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """Chromium from the system's packages, for all tests of a module.

    Its event loop runs in this thread, and asynchronous tests of other modules
    need it to be gone.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "Chromium is missing; install it: apt-get install chromium"
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # The loop belongs to the browser; nothing of ours runs in it.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        one = Chromium(playwright.chromium, program)
        yield one
        one.close()


@pytest.fixture
def browser(chromium: Chromium) -> Browser:
    """The module's browser."""
    return chromium.living()


@pytest.fixture
def page(web: WebServer, browser: Browser) -> Iterator[Page]:
    """A page that is logged in and shows the live signals; its console stays clean."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-GB"
    )
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(web.url)
    opened.fill("input[name=username]", NAME)
    opened.fill("input[name=password]", PASSWORD)
    opened.press("input[name=password]", "Enter")
    opened.wait_for_selector("#connection[data-state=online]")
    yield opened
    context.close()
    assert errors == []


@pytest.fixture
def house(
    django_db_blocker: Any, web: WebServer, settings: Settings
) -> Iterator[dict[str, object]]:
    """A system with some of everything; what stands in the addresses of its rows."""
    with django_db_blocker.unblock(), furnished(web.home, settings, NAME) as found:
        yield found

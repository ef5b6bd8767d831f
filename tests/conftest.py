"""Fixtures for every test."""

from __future__ import annotations

import gc
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import redis
from asgiref.sync import SyncToAsync
from django.conf import settings
from django.db import connections
from django.utils import translation

from btc_watcher.env import BASE_DIR
from btc_watcher.lib.catalogues import catalogues_compile
from freqtrade_mgmt.installer import (
    InstalledFreqtrade,
    freqtrade_install,
    freqtrade_installed,
)
from tests.emptying import Emptying

if TYPE_CHECKING:
    from collections.abc import Iterator

# Its messages and its API are those of the newest.
OLDER_FREQTRADE = "2026.7"
# Tests with so long a limit (seconds).
TAKES_MINUTES = 900


def pytest_configure() -> None:
    """Prepare what every test needs.

    Translations are read when the first text is translated.
    """
    catalogues_compile(settings.LOCALE_PATHS)
    Emptying().install()
    # Millions of objects are made before the first test and live as long as the run;
    # looking through them for garbage, again and again, finds none.
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage among what tests make, and there only."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, so that nobody waits for it alone in the end."""
    items.sort(key=lambda item: not _takes_minutes(item))


def _takes_minutes(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("timeout")
    return mark is not None and mark.args[0] >= TAKES_MINUTES


@pytest.fixture(autouse=True)
def _no_connection_outlives_its_test() -> Iterator[None]:
    """Close what the one thread of ``sync_to_async`` has opened, before and after.

    That thread lives as long as the process. A connection left in it makes the next
    asynchronous test that has no database fail, and keeps the database from being
    dropped in the end; work of a cancelled task may open it after its test ended.
    """
    close = SyncToAsync.single_thread_executor.submit
    close(connections.close_all).result()
    yield
    close(connections.close_all).result()


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """Outside of pages and channels, texts are English, whatever ran before."""
    with translation.override("en"):
        yield


@pytest.fixture
def redis_client() -> Iterator[redis.Redis]:
    """A client of this worker's Redis database, emptied before the test."""
    client = redis.Redis.from_url(settings.REDIS_URL, decode_responses=True)
    client.flushdb()
    yield client
    client.close()


@pytest.fixture(scope="session")
def real_freqtrade() -> InstalledFreqtrade:
    """The newest freqtrade from PyPI, installed once into ``var/test-freqtrade``.

    The installer's own lock makes workers of pytest-xdist wait for the first one. The
    first time takes about half a minute, so tests that use it need a time-out of 600 s.
    """
    return freqtrade_install(None, BASE_DIR / "var" / "test-freqtrade", print)


@pytest.fixture(scope="session")
def older_freqtrade() -> InstalledFreqtrade:
    """An earlier release beside the newest, to upgrade from.

    Installed by a process of its own: it asks the package index when the release was
    published, and the tests themselves reach nothing but loopback.
    """
    root = BASE_DIR / "var" / "test-freqtrade"
    install = "import sys, pathlib; from freqtrade_mgmt.installer import *;"
    install += "freqtrade_install(sys.argv[1], pathlib.Path(sys.argv[2]), print)"
    subprocess.run(
        [sys.executable, "-c", install, OLDER_FREQTRADE, str(root)],
        cwd=BASE_DIR,
        check=True,
    )
    found = freqtrade_installed(root)
    return next(item for item in found if item.version == OLDER_FREQTRADE)

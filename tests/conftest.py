"""Fixtures for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis
from asgiref.sync import SyncToAsync
from django.conf import settings
from django.db import connections

from btc_watcher.env import BASE_DIR
from btc_watcher.lib.catalogues import catalogues_compile
from freqtrade_mgmt.installer import InstalledFreqtrade, freqtrade_install

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_configure() -> None:
    """Compile the translations, which are read when the first text is translated."""
    catalogues_compile(settings.LOCALE_PATHS)


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

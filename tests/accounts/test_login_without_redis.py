"""The limit on guessing when Redis is away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accounts.cache import login_forgive, login_wait
from btc_watcher.lib.redis_client import redis_connection
from btc_watcher.local import ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings


@pytest.fixture
def _no_redis(settings: Settings) -> Iterator[None]:
    redis_connection.cache_clear()
    settings.REDIS_URL = f"redis://:my-secret@127.0.0.1:{ports.any_free()}/0"
    yield
    redis_connection().close()
    redis_connection.cache_clear()


@pytest.mark.usefixtures("_no_redis")
def test_people_can_log_in_and_the_log_says_that_nothing_is_limited(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(10):
        assert login_wait(ip_address="192.0.2.1", username="mei") == 0
    login_forgive(ip_address="192.0.2.1", username="mei")
    assert "not limited" in caplog.text
    assert "my-secret" not in caplog.text

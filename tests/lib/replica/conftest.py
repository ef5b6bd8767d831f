"""A real streaming replica of the tests' own server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections

from btc_watcher.lib import replica
from btc_watcher.lib.replica_probe import REPLICA
from tests.notifications.workers import wait_for
from tests.standby import replica_at, standby_running

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis
    from pytest_django import DjangoDbBlocker

    from tests.standby import Standby


@pytest.fixture(scope="package")
def standby(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Standby]:
    """The tests' own server, copied and followed."""
    with (
        django_db_blocker.unblock(),
        standby_running() as server,
        replica_at(server.port),
    ):
        yield server


@pytest.fixture
def near(
    standby: Standby,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> Iterator[Standby]:
    """The replica of this process, which has everything."""
    # A machine that is busy with other tests lags for seconds.
    settings.DATABASE_REPLICA_MAX_LAG = 60.0
    monkeypatch.setattr(replica, "AWAY_SECONDS", 0.2)
    monkeypatch.setattr(replica, "KEPT_SECONDS", 0.05)
    monkeypatch.setattr(replica, "watch", replica.Watch())
    wait_for(lambda: replica.reading() == REPLICA)
    yield standby
    if not standby.alive:
        # A test that failed meanwhile takes nobody with it.
        standby.start()
    standby.resume()
    connections[REPLICA].close()

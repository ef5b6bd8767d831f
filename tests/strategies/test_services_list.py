"""The list of strategies: from the cache, and never older than the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from btc_watcher.local import ports
from strategies.cache import LIST_KEY, LIST_SHAPE
from strategies.selectors import strategies_listed
from strategies.services import (
    candles_seen,
    draft_publish,
    health_merge,
    process_seen,
    process_started,
    process_stopped,
    strategy_copy,
    strategy_restart,
    strategy_start,
    strategy_stop,
    strategy_update,
    version_roll_back,
)
from tests.strategies import factories
from tests.strategies.factories import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis
    from pytest_django import Settings

    from strategies.models import Strategy

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


def cached() -> list[dict[str, Any]] | None:
    found: list[dict[str, Any]] | None = cache.get(LIST_KEY, version=LIST_SHAPE)
    return found


def test_the_list_has_every_strategy_by_name_and_no_draft() -> None:
    proxy = factories.proxy().pk
    factories.strategy("b", description="second", freqtrade_config={"proxy": proxy})
    factories.strategy("a", freqtrade_config={"version": "2026.9"})
    factories.draft("c")

    first, second = strategies_listed()

    assert (first.name, first.freqtrade_version, first.proxy) == ("a", "2026.9", None)
    assert (second.name, second.description, second.proxy) == ("b", "second", proxy)
    assert (first.exchange, first.pairs) == ("simulated", ("BTC/USDT",))
    assert (first.status, first.live, first.heartbeat) == ("stopped", False, None)


def test_what_moves_is_read_at_this_moment_beside_the_cached_rows() -> None:
    made = factories.strategy()
    strategies_listed()
    candles_seen(made.pk, {"BTC/USDT": 200})
    health_merge(made.pk, {"health": {"score": 97}, "reason": "slow"})
    process = process_started(made.pk, details={})
    process_seen(process.pk, status="running", rss_mb=1)

    (row,) = strategies_listed()

    assert (row.health, row.reason) == ({"score": 97}, "slow")
    assert row.health_metrics["last_candles"] == {"BTC/USDT": 200}
    process.refresh_from_db()
    assert (row.heartbeat, row.started) == (process.last_heartbeat, process.start_time)
    process_stopped(process.pk, status="stopped", reason="")
    assert strategies_listed()[0].heartbeat is None


def test_a_second_look_reads_no_configuration() -> None:
    factories.strategy()
    fresh = strategies_listed()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert strategies_listed() == fresh
    assert len(queries) == 2
    assert not any('"config"' in query["sql"] for query in queries)


def test_the_cache_holds_no_code_and_no_secret() -> None:
    factories.strategy()
    strategies_listed()
    assert "IStrategy" not in str(cached())


@pytest.mark.parametrize(
    "change",
    [
        lambda key: strategy_update(key, by=None, name="renamed"),
        lambda key: strategy_update(key, by=None, config=CONFIG | {"timeframe": "5m"}),
        lambda key: version_roll_back(key, "v1.0", by=None),
        lambda key: strategy_copy(key, name="copy", by=None),
        strategy_start,
        lambda key: strategy_stop(strategy_start(key).pk),
        lambda key: strategy_restart(strategy_start(key).pk),
        lambda key: draft_publish(factories.tried(factories.draft()).pk),
        lambda key: factories.strategy("other"),
    ],
    ids=(
        [
            "rename",
            "update",
            "roll_back",
            "copy",
            "start",
            "stop",
            "restart",
            "publish",
            "create",
        ]
    ),
)
def test_every_change_empties_the_cache_once_it_is_committed(
    change: Callable[[int], Strategy],
) -> None:
    made = factories.strategy()
    strategy_update(made.pk, by=None, config=CONFIG | {"timeframe": "15m"})
    strategies_listed()
    with transaction.atomic():
        change(made.pk)
        assert cached() is not None
    assert cached() is None


def test_a_change_that_the_cache_missed_is_shown_all_the_same() -> None:
    made = factories.strategy()
    strategies_listed()
    stale = cached()
    strategy_update(made.pk, by=None, name="renamed")
    factories.strategy("another")
    cache.set(LIST_KEY, stale, version=LIST_SHAPE)

    assert [row.name for row in strategies_listed()] == ["another", "renamed"]


def test_a_flushed_redis_makes_the_list_slower_and_not_wrong(
    redis_client: redis.Redis,
) -> None:
    factories.strategy()
    before = strategies_listed()
    redis_client.flushdb()
    assert strategies_listed() == before


def test_a_dead_redis_makes_the_list_slower_and_not_wrong(settings: Settings) -> None:
    made = factories.strategy()
    strategies_listed()
    dead = settings.CACHES["default"] | {
        "LOCATION": f"redis://127.0.0.1:{ports.any_free()}/0"
    }
    settings.CACHES = {"default": dead}

    strategy_update(made.pk, by=None, name="renamed")

    assert [row.name for row in strategies_listed()] == ["renamed"]

"""What a health round tells people, once, whatever happens meanwhile."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis
from django.db import connection
from django.utils import timezone, translation

from btc_watcher.lib.locks import HEALTH_ROUND
from freqtrade_mgmt.cache.status import statuses_read
from freqtrade_mgmt.health.round import strategy_health_round
from freqtrade_mgmt.health.usual import SignalCounter
from freqtrade_mgmt.supervisor.records import failed
from freqtrade_mgmt.tasks import strategy_health
from notifications.dispatch import alert_raise
from notifications.models import Alert, Notification
from notifications.saying import Words
from notifications.services import alerts_repeat
from strategies.models import Strategy
from tests.freqtrade_mgmt.health_world import (
    PAIRS,
    World,
    codes,
    health,
    titles,
    world_open,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(
    redis_client: redis.Redis,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    # The tests themselves are the bots' process, and busy.
    monkeypatch.setattr("freqtrade_mgmt.health.score.CPU_PERCENT", 1e9)
    with world_open(tmp_path, settings) as opened:
        yield opened


# -- Alarms -----------------------------------------------------------------


def test_an_outage_over_three_bots_is_one_alert_and_one_all_clear(
    world: World,
) -> None:
    three = [world.strategy(f"s{number}") for number in range(3)]
    world.round()
    world.stall(*three)
    for _ in range(6):
        world.round()
    assert titles() == [
        "The exchange binance gives no candles (affected strategies: 3 of 3)."
    ]
    (row,) = Notification.objects.all()
    assert "Strategies: s0, s1, s2" in row.content
    assert row.metadata["priority"] == "P0"
    for strategy in three:
        assert codes(strategy) == ["stale"]
        stale = strategy.health_metrics["alarms"]["stale"]
        assert (stale["told"], stale["muted_by"]) == (False, "exchange:binance")
    world.resume()
    for _ in range(6):
        world.round()
    assert titles()[1:] == ["All clear: the exchange binance gives candles again"]
    for strategy in three:
        strategy.refresh_from_db()
        assert strategy.health_metrics["alarms"] == {}


def test_a_restarted_worker_tells_nothing_twice(world: World) -> None:
    out, alone = (
        [world.strategy(f"s{n}") for n in range(2)],
        world.strategy("alone", config={"exchange": "okx"}),
    )
    world.strategy("fine", config={"exchange": "okx"})
    world.stall(*out, alone)
    for number in range(8):
        if number % 2:
            # A new process knows only what is in the database.
            world.counter = SignalCounter()
        world.round()
    assert len(titles()) == 2
    world.resume()
    for _ in range(4):
        world.counter = SignalCounter()
        world.round()
    assert len(titles()) == 4


def test_alarms_and_what_is_told_are_stored_together_or_not_at_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = world.strategy()
    world.stall(strategy)
    world.round()

    def fail(*_outcome: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr("freqtrade_mgmt.health.round.alarms_tell", fail)
        with pytest.raises(RuntimeError):
            world.round()
    assert health(strategy)["level"] == "bad"
    assert strategy.health_metrics["alarms"]["stale"]["told"] is False
    assert titles() == []
    # The lock was given back.
    assert not world.round().skipped
    assert len(titles()) == 1


def test_a_silent_supervisor_is_said_and_told_once(world: World) -> None:
    two = [world.strategy(f"s{number}") for number in range(2)]
    world.round()
    world.supervisor_away = True
    world.stall(*two)
    for _ in range(5):
        world.round(seconds=60)
    assert codes(two[0])[0] == "stale"
    assert "supervisor_silent" in codes(two[0])
    assert titles() == ["The supervisor is silent (affected strategies: 2 of 2)."]
    world.supervisor_away = False
    world.resume()
    world.round()
    world.round()
    assert titles()[1:] == ["All clear: the supervisor is back"]


def test_a_strategy_that_was_started_a_moment_ago_is_not_stale(world: World) -> None:
    strategy = world.strategy()
    Strategy.objects.filter(pk=strategy.pk).update(health_metrics={})
    world.stall(strategy)
    for _ in range(3):
        world.round()
    assert titles() == []
    for _ in range(8):
        world.round()
    assert len(titles()) == 1


# -- As alerts --------------------------------------------------------------


def open_keys() -> list[str]:
    return sorted(Alert.objects.filter(resolved_at=None).values_list("key", flat=True))


def test_an_alarm_is_an_open_alert_until_it_is_over(world: World) -> None:
    strategy = world.strategy()
    world.stall(strategy)
    world.round()
    world.round()
    assert open_keys() == [f"strategy:{strategy.pk}:stale"]
    (row,) = Notification.objects.all()
    assert row.metadata["context"]["strategy_id"] == strategy.pk
    assert "Since 20" in row.content
    world.resume()
    world.round()
    world.round()
    assert open_keys() == []
    assert titles()[1:] == ["Strategy ema is well again"]
    assert "It was: No new candle" in Notification.objects.latest("id").content


def test_only_the_alert_reminds(world: World) -> None:
    strategy = world.strategy()
    world.stall(strategy)
    world.round()
    world.round()
    for _ in range(3):
        world.round(seconds=25 * 3600)
    assert len(titles()) == 1
    alerts_repeat(now=world.now)
    assert len(titles()) == 2
    assert titles()[1] == f"Still: {titles()[0]}"


def test_what_ends_together_is_one_all_clear_and_no_open_alert(world: World) -> None:
    strategy = world.strategy()
    world.stall(strategy)
    world.fakes[strategy.pk].pairs = ["BTC/USDT"]
    for _ in range(3):
        world.round()
    assert len(open_keys()) >= 1
    raised = len(titles())
    world.fakes[strategy.pk].pairs = list(PAIRS)
    world.resume()
    for _ in range(4):
        world.round()
    assert open_keys() == []
    assert len(titles()) == raised + 1


def test_the_alert_of_a_strategy_that_is_stopped_is_resolved(world: World) -> None:
    strategy = world.strategy()
    world.stall(strategy)
    world.round()
    world.round()
    assert len(open_keys()) == 1
    Strategy.objects.filter(pk=strategy.pk).update(status="stopped")
    for _ in range(4):
        world.round()
    assert open_keys() == []
    assert titles()[1:] == ["Strategy ema is not watched any more"]


def test_a_group_s_alert_is_called_like_the_group(world: World) -> None:
    three = [world.strategy(f"s{number}") for number in range(3)]
    world.round()
    world.stall(*three)
    for _ in range(4):
        world.round()
    assert open_keys() == ["exchange:binance"]
    world.resume()
    for _ in range(6):
        world.round()
    assert open_keys() == []


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("running", ["Strategy ema runs again"]),
        ("stopped", ["Strategy ema was stopped"]),
        ("starting", []),
        ("error", []),
    ],
)
def test_a_strategy_that_was_given_up_is_an_alert_until_it_runs_or_is_stopped(
    world: World, status: str, told: list[str]
) -> None:
    strategy = world.strategy()
    with translation.override("en"):
        failed(strategy.pk, "It crashed five times.")
        failed(strategy.pk, "It crashed five times.")
    assert open_keys() == [f"strategy:{strategy.pk}"]
    assert len(titles()) == 1
    Strategy.objects.filter(pk=strategy.pk).update(status=status)
    world.round()
    assert titles()[1:] == told
    assert bool(open_keys()) == (not told)


def test_alerts_that_others_raised_are_left_alone(world: World) -> None:
    alert_raise(key="proxy:3", priority="P0", words=lambda: Words("Proxy 3 is dead"))
    world.strategy()
    world.round()
    world.round()
    assert open_keys() == ["proxy:3"]


# -- What the round hangs on ------------------------------------------------


def test_two_rounds_at_once_tell_nothing_twice(world: World) -> None:
    strategy = world.strategy()
    world.stall(strategy)
    world.round()
    options = connection.get_connection_params()
    names = ("host", "port", "user", "dbname", "password")
    where = {name: options[name] for name in names if options.get(name)}
    with psycopg.connect(**where, autocommit=True) as other:
        other.execute(HEALTH_ROUND.take(wait=True, session=True), HEALTH_ROUND.values)
        assert world.round().skipped
        assert titles() == []
    world.round()
    assert len(titles()) == 1


def test_without_redis_the_round_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    strategy = world.strategy()
    world.stall(strategy)
    away = redis.Redis.from_url("redis://127.0.0.1:1/0")
    monkeypatch.setattr("freqtrade_mgmt.cache.status.redis_connection", lambda: away)
    monkeypatch.setattr("freqtrade_mgmt.health.usual.counts_read", lambda _kind: None)
    with caplog.at_level(logging.WARNING):
        world.round()
        world.round()
        assert statuses_read([strategy.pk]) == {}
    assert health(strategy)["level"] == "bad"
    assert len(titles()) == 1
    assert "not in Redis (ConnectionError)" in caplog.text


def test_a_flushed_redis_is_filled_again(
    world: World, redis_client: redis.Redis
) -> None:
    strategy = world.strategy()
    world.round()
    redis_client.flushdb()
    world.round()
    assert redis_client.exists(f"strategy:status:{strategy.pk}")


def test_the_task_returns_its_figures(
    world: World, redis_client: redis.Redis, settings: Any
) -> None:
    world.strategy()
    figures = strategy_health()
    assert figures["strategies"] == 1
    assert figures["seconds"] > 0
    route = settings.CELERY_TASK_ROUTES[strategy_health.name]
    assert route == {"queue": "queue:notifications:P0"}
    (entry,) = [
        entry
        for entry in settings.CELERY_BEAT_SCHEDULE.values()
        if entry["task"] == strategy_health.name
    ]
    assert entry["options"]["expires"] == 25


def test_without_strategies_there_is_nothing_to_do(redis_client: redis.Redis) -> None:
    assert strategy_health_round(timezone.now()).strategies == 0

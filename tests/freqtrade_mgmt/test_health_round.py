"""What a health round finds out, stores, and shows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from freqtrade_mgmt.bot_config import BotPaths
from freqtrade_mgmt.cache.status import statuses_read
from freqtrade_mgmt.health.round import strategy_health_round
from freqtrade_mgmt.health.usual import SignalCounter
from freqtrade_mgmt.supervisor.records import bot_folder
from notifications.models import Notification
from signals_app.models import Signal
from strategies.models import Strategy, StrategyProcess
from tests.freqtrade_mgmt.fake_bots import bots_process, folder_make
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

    import redis

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


# -- What is known ----------------------------------------------------------


def test_a_bot_that_is_well_has_a_hundred_and_all_its_figures(
    world: World, redis_client: redis.Redis
) -> None:
    strategy = world.strategy()
    world.round()
    figures = world.round()

    assert (figures.strategies, figures.good, figures.alive) == (1, 1, 1)
    assert (figures.told, figures.alarms) == (0, 0)
    found = health(strategy)
    assert (found["score"], found["level"], found["reasons"]) == (100, "good", [])
    assert found["bot_state"] == "RUNNING"
    assert found["freqtrade_version"] == "2026.9"
    assert found["pairs"] == dict.fromkeys(PAIRS, 10)
    assert found["last_process_age_s"] <= 1
    assert found["uptime_s"] == 3660
    assert found["rss_mb"] > 10
    assert found["usual_24h"] == 0
    assert datetime.fromisoformat(found["checked_at"]) == world.now
    close = datetime.fromisoformat(found["newest_candle"])
    assert abs((world.now - close).total_seconds() - 10) < 1
    assert redis_client.hgetall(f"strategy:status:{strategy.pk}") == {
        "status": "running",
        "health_score": "100",
        "uptime": "3660",
        "last_update": str(int(world.now.timestamp())),
    }
    assert 0 < redis_client.ttl(f"strategy:status:{strategy.pk}") <= 60
    assert statuses_read([strategy.pk, 10**6])[strategy.pk]["health_score"] == "100"


def test_the_keys_of_other_writers_are_left_alone(world: World) -> None:
    strategy = world.strategy(performance_metrics={"profit": 1})
    updated = strategy.updated_at
    world.round()
    strategy.refresh_from_db()
    assert strategy.health_metrics["restarts"] == 3
    assert strategy.health_metrics["last_candles"].keys() == set(PAIRS)
    assert strategy.performance_metrics["profit"] == 1
    assert strategy.updated_at >= updated


def test_memory_and_processor_time_are_kept_with_the_process(world: World) -> None:
    strategy = world.strategy()
    (row,) = StrategyProcess.objects.filter(strategy=strategy)
    world.round()
    burnt = time.process_time() + 0.3
    while time.process_time() < burnt:
        pass
    world.round()
    heartbeat = world.now
    row.refresh_from_db()
    used = row.resource_usage
    assert used["rss_mb"] > 10
    # 0.3 s of half a minute, and what the round itself used.
    assert 0.9 <= used["cpu_percent"] < 20
    assert used["cpu_percent"] == health(strategy)["cpu_percent"]
    assert used["create_time"] > 0
    # The supervisor's own, which nobody else moves.
    assert row.last_heartbeat == heartbeat


def test_a_round_reads_and_writes_in_few_statements(world: World) -> None:
    for number in range(8):
        world.strategy(f"s{number}")
    world.round()
    now = world.now + timedelta(seconds=30)
    with CaptureQueriesContext(connection) as queries:
        strategy_health_round(now, world.counter)
    # The lock, the transaction, the channels; the statements of ours bypass the count.
    assert len(queries) <= 6


def test_a_history_point_is_the_lowest_score_of_five_minutes(world: World) -> None:
    strategy = world.strategy()
    start = world.now.timestamp() // 300 * 300
    world.now = datetime.fromtimestamp(start, world.now.tzinfo)
    world.round()
    fake = world.fakes[strategy.pk]
    fake.state = "paused"
    world.round()
    fake.state = "running"
    for _ in range(10):
        world.round()
    strategy.refresh_from_db()
    assert strategy.performance_metrics["health_history"] == [[int(start), 30]]


def test_the_history_keeps_a_day(world: World) -> None:
    points = [[number, 100] for number in range(288)]
    strategy = world.strategy(performance_metrics={"health_history": points})
    world.round()
    world.round(seconds=300)
    strategy.refresh_from_db()
    kept = strategy.performance_metrics["health_history"]
    assert len(kept) == 288
    assert kept[0] == [1, 100]
    assert kept[-1][1] == 100
    assert kept[-1][0] > 1_000_000


def test_what_nobody_wants_any_more_is_not_rated(
    world: World, redis_client: redis.Redis
) -> None:
    strategy = world.strategy()
    world.stall(strategy)
    world.round()
    world.round()
    assert len(titles()) == 1
    Strategy.objects.filter(pk=strategy.pk).update(status="stopped")
    assert world.round().strategies == 1
    found = health(strategy)
    assert (found["level"], found["reasons"], found["wanted_since"]) == (
        "none",
        [],
        None,
    )
    assert strategy.health_metrics["alarms"] == {}
    # Who was told of its alarm is told that it is over, once.
    assert titles()[1:] == ["Strategy ema is not watched any more"]
    assert world.round().strategies == 0
    assert len(titles()) == 2


def test_a_draft_is_nobody_s_concern(world: World) -> None:
    world.strategy(is_draft=True)
    assert world.round().strategies == 0


def test_a_given_up_strategy_is_bad_and_says_why(world: World) -> None:
    strategy = world.strategy(status="error")
    strategy.health_metrics["reason"] = "it crashed"
    strategy.save()
    world.round()
    world.round()
    assert health(strategy)["level"] == "bad"
    assert health(strategy)["reasons"][0]["values"] == {"reason": "it crashed"}
    assert titles() == []


@pytest.mark.parametrize(
    "config",
    [{"pairs": None}, {"timeframe": "soon"}, {"exchange": None}, {"pairs": "BTC"}],
)
def test_an_odd_configuration_does_not_fail_the_round(
    world: World, config: dict[str, Any]
) -> None:
    odd = world.strategy("odd", config=config)
    world.stale.add(odd.pk)
    fine = world.strategy("fine")
    world.round()
    assert health(fine)["level"] == "good"
    assert health(odd)["checked_at"] == health(fine)["checked_at"]


# -- What can be wrong ------------------------------------------------------


def test_a_bot_that_hangs_costs_nobody_else_and_is_told(world: World) -> None:
    strategy = world.strategy("hung")
    others = [world.strategy(f"s{number}") for number in range(3)]
    world.fakes[strategy.pk].hanging = True
    started = time.monotonic()
    world.round()
    assert time.monotonic() - started < 5
    assert codes(strategy) == ["no_answer"]
    assert all(health(other)["score"] == 100 for other in others)
    world.round()
    assert titles() == ["Strategy hung: Its bot does not answer within 1.5 s."]


def test_a_stopped_process_is_found_and_its_end_as_well(
    world: World, tmp_path: Path
) -> None:
    strategy = world.strategy(served=False)
    with bots_process(tmp_path / "bots") as child:
        StrategyProcess.objects.all().delete()
        world.process(strategy, child.pid)
        world.now = timezone.now()
        world.round()
        assert codes(strategy) == []
        child.send_signal(signal.SIGSTOP)
        world.round()
        assert codes(strategy) == ["no_answer"]
        child.send_signal(signal.SIGKILL)
        child.wait()
        world.round()
        assert codes(strategy) == ["not_alive"]
    world.round()
    assert titles() == ["Strategy ema: Its process has ended."]


def test_the_pid_of_another_process_is_not_believed(world: World) -> None:
    strategy = world.strategy()
    row = StrategyProcess.objects.get()
    row.resource_usage["create_time"] -= 5
    row.save()
    world.round()
    assert codes(strategy) == ["not_alive"]
    assert not world.fakes[strategy.pk].requests


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"state": "stopped"}, "not_running"),
        ({"name": "btcw-0"}, "stranger"),
        ({"broken": True}, "no_answer"),
        ({"pairs": ["BTC/USDT"]}, "pair_dropped"),
    ],
)
def test_what_a_bot_says_of_itself_is_believed(
    world: World, change: dict[str, Any], code: str
) -> None:
    strategy = world.strategy()
    for name, value in change.items():
        setattr(world.fakes[strategy.pk], name, value)
    world.round()
    assert codes(strategy) == [code]
    world.round()
    assert len(titles()) == 1


def test_another_program_with_the_port_is_a_stranger(world: World) -> None:
    strategy = world.strategy()
    # Written again: other secrets on the same port.
    port = world.fakes[strategy.pk].identity.port
    folder_make(bot_folder(strategy.pk), strategy.pk, PAIRS, port)
    world.round()
    assert codes(strategy) == ["stranger"]


def test_a_folder_that_cannot_be_read_is_a_silent_bot(world: World) -> None:
    strategy = world.strategy()
    config = BotPaths.of(bot_folder(strategy.pk)).config
    config.unlink()
    world.round()
    assert codes(strategy) == ["no_answer"]
    os.mkfifo(config)
    world.round()
    assert codes(strategy) == ["no_answer"]


def test_errors_in_the_log_are_counted_without_its_secrets(world: World) -> None:
    strategy = world.strategy()
    secret = world.fakes[strategy.pk].identity.credentials.ws_token
    # As a bot writes it: without our environment, in the machine's zone.
    written = subprocess.run(
        [
            sys.executable,
            "-c",
            "import time; print(time.strftime('%Y-%m-%d %H:%M:%S'))",
        ],
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    line = f"{written},001 - freqtrade.x - ERROR - it said {secret}\n"
    BotPaths.of(bot_folder(strategy.pk)).log.write_text(line * 3)
    world.round()
    assert codes(strategy) == ["errors"]
    assert health(strategy)["errors"] == 3
    assert health(strategy)["reasons"][0]["values"]["words"] == "it said ***"
    assert secret not in str(strategy.health_metrics)


# -- Signals ----------------------------------------------------------------


def signals(strategy: Strategy, moments: list[datetime]) -> None:
    Signal.objects.bulk_create(
        Signal(
            timestamp=moment,
            strategy=strategy,
            strategy_name=strategy.name,
            pair="BTC/USDT",
            exchange="binance",
            timeframe="1m",
            signal_type="BUY",
            strength_raw=80,
            strength_level="strong",
            priority="P0",
            price=1,
        )
        for moment in moments
    )


def test_a_strategy_gone_quiet_is_told_less_urgently(world: World) -> None:
    strategy = world.strategy()
    hours = [world.now - timedelta(hours=25 + 2 * step) for step in range(84)]
    signals(strategy, hours)
    world.round()
    found = health(strategy)
    assert (found["signals_24h"], found["usual_24h"]) == (0, 12.0)
    assert codes(strategy) == ["quiet"]
    world.round()
    (row,) = Notification.objects.all()
    assert row.metadata["priority"] == "P1"
    assert "where 12 a day are usual" in row.content

    # Counted again when the five minutes of the count are over.
    signals(strategy, [world.now - timedelta(minutes=5)] * 20)
    world.round()
    assert health(strategy)["signals_24h"] == 0


def test_counts_are_kept_in_redis_and_beside_it(
    world: World, redis_client: redis.Redis
) -> None:
    strategy = world.strategy()
    signals(strategy, [world.now - timedelta(hours=1)])
    world.round()
    signals(strategy, [world.now - timedelta(hours=2)])
    # Another worker reads Redis; after a flush this one knows it still.
    assert SignalCounter().counts(world.now).day == {strategy.pk: 1}
    redis_client.flushdb()
    assert world.counter.counts(world.now).day == {strategy.pk: 1}
    assert SignalCounter().counts(world.now).day == {strategy.pk: 2}

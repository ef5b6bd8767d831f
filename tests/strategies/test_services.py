"""What is wanted of strategies, and the record of their processes."""

from __future__ import annotations

from typing import Any

import pytest

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.supervisor import records
from strategies.lifecycle import IllegalChangeError, change
from strategies.models import Strategy, StrategyProcess, StrategyVersion
from strategies.services import (
    candles_seen,
    process_seen,
    process_started,
    process_stopped,
    strategy_create,
    strategy_start,
    strategy_status_set,
    strategy_stop,
)

pytestmark = pytest.mark.django_db

CONFIG: dict[str, Any] = {
    "class_name": "S",
    "code": "class S: ...",
    "exchange": "simulated",
    "pairs": ["BTC/USDT"],
    "timeframe": "1m",
}


@pytest.fixture
def strategy() -> Strategy:
    return strategy_create(name="mine", config=CONFIG)


def status(strategy: Strategy) -> str:
    return Strategy.objects.get(pk=strategy.pk).status


def test_a_new_strategy_is_stopped_and_has_a_first_version(strategy: Strategy) -> None:
    assert strategy.status == "stopped"
    assert strategy.signal_thresholds == {"strong": 80, "medium": 50, "weak": 20}
    version = StrategyVersion.objects.get(strategy=strategy)
    assert (version.version, version.is_active) == ("v1.0", True)
    assert version.config_snapshot["config"] == CONFIG


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"code": ""}, "lacks code"),
        ({"pairs": []}, "lacks pairs"),
        ({"pairs": ["btcusdt"]}, "'btcusdt' is not a trading pair"),
        ({"pairs": "BTC/USDT"}, "must be a list"),
        ({"timeframe": 5}, "timeframe of 'other' is 5; it must be a text"),
        ({"class_name": 7}, "class_name of 'other' is 7"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(BtcWatcherError, match=words):
        strategy_create(name="other", config=CONFIG | changes)


def test_a_name_is_taken_once(strategy: Strategy) -> None:
    with pytest.raises(BtcWatcherError, match="'mine' already"):
        strategy_create(name="mine", config=CONFIG)


@pytest.mark.parametrize(
    ("current", "wanted"),
    [("stopped", "running"), ("stopped", "stopping"), ("error", "running")],
)
def test_illegal_changes_are_refused_with_a_sentence(current: str, wanted: str) -> None:
    with pytest.raises(IllegalChangeError, match=f"is {current} and cannot become"):
        change("mine", current, wanted)


def test_a_stop_is_stronger_than_what_the_supervisor_saw_before(
    strategy: Strategy,
) -> None:
    strategy_start(strategy.pk)
    strategy_stop(strategy.pk)

    records.proven(strategy.pk)
    records.restarting(strategy.pk, "it ended")
    records.failed(strategy.pk, "it failed")
    assert status(strategy) == "stopping"

    records.stopped(strategy.pk)
    assert status(strategy) == "stopped"


def test_a_start_is_stronger_than_the_end_of_the_life_before(
    strategy: Strategy,
) -> None:
    strategy_start(strategy.pk)

    records.stopped(strategy.pk)

    assert status(strategy) == "starting"


def test_an_error_keeps_its_reason_until_the_next_change(strategy: Strategy) -> None:
    strategy_start(strategy.pk)
    records.failed(strategy.pk, "no such module")
    assert Strategy.objects.get().health_metrics["reason"] == "no such module"

    strategy_status_set(strategy.pk, "starting")
    assert Strategy.objects.get().health_metrics["reason"] == ""


def test_cursors_of_candles_never_go_back(strategy: Strategy) -> None:
    candles_seen(strategy.pk, {"BTC/USDT": 200, "ETH/USDT": 100})
    candles_seen(strategy.pk, {"BTC/USDT": 150, "SOL/USDT": 50})

    kept = Strategy.objects.get().health_metrics["last_candles"]
    assert kept == {"BTC/USDT": 200, "ETH/USDT": 100, "SOL/USDT": 50}


def test_cursors_of_a_strategy_that_is_gone_are_dropped() -> None:
    candles_seen(10**6, {"BTC/USDT": 1})


def test_a_process_is_recorded_from_start_to_end(strategy: Strategy) -> None:
    process = process_started(strategy.pk, pid=42, create_time=1.5, details={"port": 7})
    process_seen(process.pk, status="running", rss_mb=345.67)
    process_stopped(process.pk, status="error", reason="it was killed (signal 9)")

    row = StrategyProcess.objects.get()
    assert (row.pid, row.status) == (42, "error")
    assert row.resource_usage == {
        "create_time": 1.5,
        "port": 7,
        "rss_mb": 345.7,
        "reason": "it was killed (signal 9)",
    }
    assert row.stop_time is not None

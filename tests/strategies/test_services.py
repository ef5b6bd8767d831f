"""What is wanted of strategies, and the record of their processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils import translation

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.supervisor import records
from strategies.errors import RefusedError, StrategyMissingError
from strategies.lifecycle import ALLOWED, IllegalChangeError, change
from strategies.models import Strategy, StrategyProcess, StrategyVersion
from strategies.services import (
    candles_seen,
    health_merge,
    performance_merge,
    process_seen,
    process_started,
    process_stopped,
    strategies_change,
    strategy_copy,
    strategy_create,
    strategy_restart,
    strategy_start,
    strategy_status_set,
    strategy_stop,
)
from tests.strategies import factories
from tests.strategies.factories import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def strategy() -> Strategy:
    return factories.strategy()


def status(strategy: Strategy) -> str:
    return Strategy.objects.get(pk=strategy.pk).status


def put(strategy: Strategy, status: str) -> None:
    Strategy.objects.filter(pk=strategy.pk).update(status=status)


def test_a_new_strategy_is_stopped_and_has_a_first_version(strategy: Strategy) -> None:
    assert strategy.status == "stopped"
    assert strategy.signal_thresholds == {"strong": 80, "medium": 50, "weak": 20}
    version = StrategyVersion.objects.get(strategy=strategy)
    assert (version.version, version.is_active) == ("v1.0", True)
    assert version.config_snapshot["config"] == CONFIG


def test_a_first_version_says_who_made_it() -> None:
    mei = factories.person()
    made = factories.strategy(created_by=mei)

    shot = StrategyVersion.objects.get(strategy=made).config_snapshot

    assert shot["by"] == {"id": mei.pk, "username": "mei"}
    assert shot["type"] == "signal_monitor"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"code": ""}, "lacks code"),
        ({"pairs": []}, "lacks pairs"),
        ({"pairs": ["btcusdt"]}, "'btcusdt' is not a trading pair"),
        ({"pairs": ["BTC/USDT", "BTC/USDT"]}, "BTC/USDT is named twice"),
        ({"pairs": "BTC/USDT"}, "must be a list"),
        ({"timeframe": 5}, "timeframe of 'other' is 5; it must be a text"),
        ({"timeframe": "5 minutes"}, "'5 minutes' is not a timeframe"),
        ({"exchange": "Binance!"}, "'Binance!' is not the name of an exchange"),
        ({"class_name": 7}, "class_name of 'other' is 7"),
        ({"code": "a\0b"}, "cannot be stored"),
        ({"strength": {"default": float("nan")}}, r"config\.strength\.default holds"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(BtcWatcherError, match=words):
        strategy_create(name="other", config=CONFIG | changes)


@pytest.mark.parametrize(
    ("thresholds", "words"),
    [
        ({"strong": 101}, "strong is 101; it must be a number from 0 to 100"),
        ({"weak": True}, "weak is True"),
        ({"strong": 40}, "must fall from strong to weak, but they are 40, 50 and 20"),
    ],
)
def test_thresholds_that_cannot_grade_are_refused(
    thresholds: dict[str, Any], words: str
) -> None:
    with pytest.raises(RefusedError, match=words):
        factories.strategy(signal_thresholds=thresholds)


def test_every_problem_has_a_sentence_of_its_own() -> None:
    with pytest.raises(RefusedError) as caught:
        strategy_create(name="other", config={}, type="gambling")

    kind, lacking = caught.value.problems
    assert kind.startswith("'gambling' is no type of strategy")
    assert lacking.endswith(
        "lacks the name of its class, code, an exchange, pairs, a timeframe."
    )


@pytest.mark.parametrize("name", ["mine", "MINE", "  mine "])
def test_a_name_is_taken_once_whatever_its_case(strategy: Strategy, name: str) -> None:
    with pytest.raises(RefusedError, match=r"'(mine|MINE)' already"):
        factories.strategy(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [(" ", "no name"), ("x" * 101, "101 characters"), ("a\u202eb", "cannot be shown")],
)
def test_a_name_that_pages_cannot_show_is_refused(name: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        factories.strategy(name)


def test_a_draft_takes_no_name() -> None:
    factories.draft("mine")
    assert factories.strategy("mine").pk


def test_a_copy_is_stopped_and_names_its_original(strategy: Strategy) -> None:
    strategy_start(strategy.pk)
    mei = factories.person()

    copy = strategy_copy(strategy.pk, name="theirs", by=mei)

    assert (copy.status, copy.parent_strategy, copy.version) == (
        "stopped",
        strategy,
        "v1.0",
    )
    assert copy.config == strategy.config
    assert copy.health_metrics == {}
    summary = StrategyVersion.objects.get(strategy=copy).change_summary
    assert summary == "Copied from mine v1.0."


def test_a_copy_of_nothing_is_refused() -> None:
    with pytest.raises(StrategyMissingError, match="no strategy number 99"):
        strategy_copy(99, name="x", by=None)


@pytest.mark.parametrize("current", ALLOWED)
@pytest.mark.parametrize("wanted", ALLOWED)
def test_illegal_changes_are_refused_with_a_sentence(current: str, wanted: str) -> None:
    if wanted == current or wanted in ALLOWED[current]:
        assert change("mine", current, wanted) is (wanted != current)
        return
    with pytest.raises(IllegalChangeError, match=f"is {current} and cannot become"):
        change("mine", current, wanted)


@pytest.mark.parametrize(
    ("ask", "current", "outcome"),
    [
        (strategy_start, "stopped", "starting"),
        (strategy_start, "starting", "starting"),
        (strategy_start, "stopping", "starting"),
        (strategy_start, "error", "starting"),
        (strategy_start, "running", "'mine' is running already."),
        (strategy_stop, "running", "stopping"),
        (strategy_stop, "starting", "stopping"),
        (strategy_stop, "stopping", "stopping"),
        (strategy_stop, "error", "stopped"),
        (strategy_stop, "stopped", "'mine' is stopped already."),
        (strategy_restart, "running", "starting"),
        (strategy_restart, "starting", "starting"),
        (strategy_restart, "error", "starting"),
        (strategy_restart, "stopped", "nothing to restart; start it"),
        (strategy_restart, "stopping", "start it once it has stopped"),
    ],
)
def test_what_a_person_asks_for_is_done_or_refused_in_words(
    strategy: Strategy, ask: Callable[[int], Strategy], current: str, outcome: str
) -> None:
    put(strategy, current)
    if " " not in outcome:
        assert ask(strategy.pk).status == outcome
        assert status(strategy) == outcome
        return
    with pytest.raises(IllegalChangeError, match=outcome):
        ask(strategy.pk)
    assert status(strategy) == current


def test_each_restart_is_another_revision_also_while_it_starts(
    strategy: Strategy,
) -> None:
    strategy_start(strategy.pk)
    strategy_restart(strategy.pk)
    strategy_restart(strategy.pk)

    row = Strategy.objects.get()
    assert (row.status, row.health_metrics["restarts"]) == ("starting", 2)
    assert row.version == "v1.0"


def test_a_draft_is_never_started() -> None:
    sketch = factories.draft()
    with pytest.raises(StrategyMissingError, match="There is no strategy number"):
        strategy_start(sketch.pk)


def test_many_are_asked_each_for_itself(strategy: Strategy) -> None:
    other, running = factories.strategy("other"), factories.strategy("third")
    put(running, "running")

    changed = strategies_change([strategy.pk, running.pk, 99, other.pk, 99], "start")

    assert [done.name for done in changed.done] == ["mine", "other"]
    assert changed.refused == [
        "Strategy 'third' is running already.",
        "There is no strategy number 99.",
    ]
    assert (status(strategy), status(other)) == ("starting", "starting")


def test_an_action_that_does_not_exist_is_named(strategy: Strategy) -> None:
    with pytest.raises(IllegalChangeError, match="no action 'explode'; use one of"):
        strategies_change([strategy.pk], "explode")


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
    strategy_status_set(strategy.pk, "error", reason="no such\0 module")
    assert Strategy.objects.get().health_metrics["reason"] == "no such module"

    strategy_start(strategy.pk)
    assert Strategy.objects.get().health_metrics["reason"] == ""


def test_cursors_of_candles_never_go_back(strategy: Strategy) -> None:
    candles_seen(strategy.pk, {"BTC/USDT": 200, "ETH/USDT": 100})
    candles_seen(strategy.pk, {"BTC/USDT": 150, "SOL/USDT": 50})

    kept = Strategy.objects.get().health_metrics["last_candles"]
    assert kept == {"BTC/USDT": 200, "ETH/USDT": 100, "SOL/USDT": 50}


def test_cursors_of_a_strategy_that_is_gone_are_dropped() -> None:
    candles_seen(10**6, {"BTC/USDT": 1})


def test_writers_of_measured_values_keep_to_their_own_keys(strategy: Strategy) -> None:
    candles_seen(strategy.pk, {"BTC/USDT": 200})
    assert health_merge(strategy.pk, {"health": {"score": 97}, "reason": "slow"})
    assert health_merge(strategy.pk, {"health": {"score": 12}})
    assert performance_merge(strategy.pk, {"health_history": [[1, 12]]})

    row = Strategy.objects.get()
    assert row.health_metrics == {
        "last_candles": {"BTC/USDT": 200},
        "health": {"score": 12},
        "reason": "slow",
    }
    assert row.performance_metrics == {"health_history": [[1, 12]]}


def test_measured_values_that_postgresql_refuses_are_made_storable(
    strategy: Strategy,
) -> None:
    odd = {"text": "a\0b\ud800", "list": [float("inf"), "\0"]}
    assert health_merge(strategy.pk, odd)
    assert Strategy.objects.get().health_metrics == {"text": "ab?", "list": [None, ""]}


def test_measured_values_of_a_strategy_that_is_gone_are_dropped() -> None:
    assert health_merge(10**6, {"health": {}}) is False


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

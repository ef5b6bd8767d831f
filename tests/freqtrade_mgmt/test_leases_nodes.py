"""Two supervisors on one database: what runs where, and never twice."""

from __future__ import annotations

import signal
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from freqtrade_mgmt.leases.models import StrategyLease, SupervisorNode
from signals_app.models import Signal
from strategies.models import Strategy, StrategyProcess
from strategies.services import strategy_start, strategy_stop
from tests.freqtrade_mgmt.nodes import (
    Forwarder,
    Node,
    Sampler,
    always,
    bots_of,
    nodes,
    release_fake,
    wait,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(400),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]
# As short as a busy machine allows; one test uses the usual half minute.
LEASE = 12


def wanted(count: int, root: Path) -> list[Strategy]:
    """Make strategies that shall run, and a release for them."""
    release_fake(root / "releases")
    made = [always(f"strategy {number}") for number in range(count)]
    for strategy in made:
        strategy_start(strategy.pk)
    return made


def running(strategies: list[Strategy]) -> bool:
    """Tell whether all of them are shown as running."""
    ids = [strategy.pk for strategy in strategies]
    return Strategy.objects.filter(pk__in=ids, status="running").count() == len(ids)


def guarded(node: Node) -> bool:
    """Tell whether the bots of a node end in time."""
    return SupervisorNode.objects.filter(name=node.name, guards=True).exists()


def on(node: Node, strategies: list[Strategy]) -> bool:
    """Tell whether a node runs exactly these."""
    return set(bots_of(node.home)) == {strategy.pk for strategy in strategies}


def split(a: Node, b: Node, strategies: list[Strategy]) -> None:
    """Wait until two guarded nodes run the strategies between them."""
    wait(lambda: running(strategies), "running", 120, a, b)
    first, second = set(bots_of(a.home)), set(bots_of(b.home))
    assert first | second == {strategy.pk for strategy in strategies}
    assert not first & second
    assert abs(len(first) - len(second)) <= 1


def both_up(a: Node, b: Node) -> None:
    """Wait until two nodes know each other."""
    wait(lambda: guarded(a) and guarded(b), "two nodes", 90, a, b)


def until_in_the_middle_of_a_minute() -> None:
    """Wait so that a candle closes while nobody looks."""
    wait(lambda: 25 < time.time() % 60 < 45, "the middle of a minute", 60)


def test_a_killed_supervisor_s_bots_run_on_the_other_node_within_a_minute(
    tmp_path: Path,
) -> None:
    a, b = Node("a", tmp_path, 30), Node("b", tmp_path, 30)
    with nodes(a, b), Sampler(a, b) as sampler:
        both_up(a, b)
        strategies = wanted(4, tmp_path)
        split(a, b, strategies)
        stay = bots_of(b.home)
        until_in_the_middle_of_a_minute()
        since = timezone.now()

        a.kill()
        assert bots_of(a.home)  # they outlive it, and somebody ends them
        took = wait(lambda: on(b, strategies), "the move", 60, b)
        wait(lambda: running(strategies), "running", 60, b)

        assert not bots_of(a.home)
        assert "no lease was renewed" in (a.home / "run" / "guard.log").read_text()
        assert sampler.twice == []
        assert sampler.samples > took
        # Those of the other node were left alone.
        assert stay.items() <= bots_of(b.home).items()
        open_rows = StrategyProcess.objects.filter(stop_time=None)
        assert set(open_rows.values_list("resource_usage__node", flat=True)) == {"b"}
        all_candles_are_stored_once(strategies, since, b)


def all_candles_are_stored_once(
    strategies: list[Strategy], since: datetime, node: Node
) -> None:
    """Wait until every candle of every strategy since then has its one signal."""

    def complete() -> bool:
        now = timezone.now()
        whole = now.replace(second=0, microsecond=0)
        closes = [whole - timedelta(minutes=back) for back in range(10)]
        due = {
            (strategy.pk, close)
            for strategy in strategies
            for close in closes
            if since <= close < now - timedelta(seconds=5)
        }
        rows = Signal.objects.filter(timestamp__gte=since)
        found = list(rows.values_list("strategy_id", "timestamp"))
        assert len(found) == len(set(found))
        return bool(due) and due <= set(found)

    wait(complete, "the signals", 60, node)


@pytest.mark.parametrize("how", ["refuse", "swallow"])
def test_a_node_that_is_cut_off_its_database_loses_its_bots_to_the_other(
    tmp_path: Path, how: str
) -> None:
    with Forwarder() as way:
        a, b = Node("a", tmp_path, LEASE, way.port), Node("b", tmp_path, LEASE)
        with nodes(a, b), Sampler(a, b) as sampler:
            both_up(a, b)
            strategies = wanted(3, tmp_path)
            split(a, b, strategies)

            getattr(way, how)()
            wait(lambda: on(b, strategies), "the move", 60, a, b)
            assert not bots_of(a.home)
            wait(lambda: running(strategies), "running", 60, b)

            # It comes back, and starts nothing of what another has.
            way.mend()
            assert not StrategyLease.objects.filter(node="a", pk__gt=0)
            wait(lambda: guarded(a), "the return", 60, a)
            time.sleep(LEASE / 2)
            assert on(b, strategies)
            assert sampler.twice == []
            # What is new goes to the one that has nothing.
            late = always("late")
            strategy_start(late.pk)
            wait(lambda: on(a, [late]), "the new one", 60, a, b)
            assert sampler.twice == []


def test_a_supervisor_that_hangs_loses_its_bots_and_takes_none_back(
    tmp_path: Path,
) -> None:
    a, b = Node("a", tmp_path, LEASE), Node("b", tmp_path, LEASE)
    with nodes(a, b), Sampler(a, b) as sampler:
        both_up(a, b)
        strategies = wanted(2, tmp_path)
        split(a, b, strategies)
        a.send(signal.SIGSTOP)
        wait(lambda: on(b, strategies), "the move", 60, b)
        a.send(signal.SIGCONT)
        wait(lambda: guarded(a), "the return", 60, a)
        time.sleep(LEASE / 2)
        assert on(b, strategies)
        assert running(strategies)
        assert sampler.twice == []


def test_a_single_node_keeps_its_bots_through_an_outage_of_the_database(
    tmp_path: Path,
) -> None:
    with Forwarder() as way:
        a = Node("a", tmp_path, LEASE, way.port)
        with nodes(a), Sampler(a) as sampler:
            strategies = wanted(2, tmp_path)
            wait(lambda: running(strategies), "running", 60, a)
            before = bots_of(a.home)
            assert not a.guards()
            way.refuse()
            time.sleep(2.5 * LEASE)
            way.mend()
            seen = SupervisorNode.objects.get(pk="a").seen_at
            wait(
                lambda: SupervisorNode.objects.get(pk="a").seen_at > seen,
                "the return",
                60,
                a,
            )
            time.sleep(2)
            assert bots_of(a.home) == before
            assert sampler.twice == []
            # And it takes orders again.
            strategy_stop(strategies[0].pk)
            wait(lambda: on(a, strategies[1:]), "the stop", 60, a)


def test_what_a_single_node_left_is_not_taken_by_a_new_one_before_it_is_released(
    tmp_path: Path,
) -> None:
    a, b = Node("a", tmp_path, LEASE), Node("b", tmp_path, LEASE)
    with nodes(a), Sampler(a, b) as sampler:
        strategies = wanted(1, tmp_path)
        wait(lambda: running(strategies), "running", 60, a)
        a.kill()
        left = bots_of(a.home)
        with nodes(b):
            time.sleep(2 * LEASE)
            assert bots_of(a.home) == left
            assert not bots_of(b.home)
            wait(
                lambda: (
                    "nodes release a"
                    in Strategy.objects.get(pk=strategies[0].pk).health_metrics.get(
                        "reason", ""
                    )
                ),
                "the reason",
                60,
                b,
            )
            # The supervisor is started again: it finds its bot, and both know each other.
            a.start()
            wait(lambda: guarded(a) and guarded(b), "the guards", 90, a, b)
            assert bots_of(a.home) == left
            assert sampler.twice == []


def test_an_orderly_end_hands_everything_over_at_once(tmp_path: Path) -> None:
    a, b = Node("a", tmp_path, LEASE), Node("b", tmp_path, LEASE)
    with nodes(a, b), Sampler(a, b) as sampler:
        both_up(a, b)
        strategies = wanted(2, tmp_path)
        split(a, b, strategies)
        a.end()
        wait(lambda: on(b, strategies), "the move", 60, b)
        # Given and not inherited: nobody waited for a lease to be over.
        rows = StrategyLease.objects.filter(node="b", pk__gt=0)
        assert set(rows.values_list("came_from", flat=True)) == {""}
        assert not a.guards()
        assert sampler.twice == []


def test_a_node_is_emptied_one_by_one(tmp_path: Path) -> None:
    a, b = Node("a", tmp_path, LEASE), Node("b", tmp_path, LEASE)
    with nodes(a, b), Sampler(a, b) as sampler:
        both_up(a, b)
        strategies = wanted(4, tmp_path)
        split(a, b, strategies)
        sampler.least = 1_000
        SupervisorNode.objects.filter(pk="a").update(draining=True)
        wait(lambda: on(b, strategies), "the move", 60, a, b)
        assert sampler.least >= len(strategies) - 1
        assert sampler.twice == []
        # The node lives on, without bots, and does nothing for the others.
        wait(lambda: not StrategyLease.objects.filter(node="a"), "the rest", 60, a, b)
        SupervisorNode.objects.filter(pk="a").update(draining=False)
        late = always("late")
        time.sleep(LEASE / 6 + 1)
        strategy_start(late.pk)
        wait(lambda: on(a, [late]), "the new one", 60, a, b)

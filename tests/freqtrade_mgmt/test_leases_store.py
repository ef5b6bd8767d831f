"""Leases in a real database: one wins, whatever the clocks of the machines say."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone

from freqtrade_mgmt.leases import store
from freqtrade_mgmt.leases.models import StrategyLease, SupervisorNode
from freqtrade_mgmt.leases.store import (
    Node,
    NodeNameTakenError,
    leases_release,
    leases_renew,
    leases_take,
    node_farewell,
    node_register,
)
from strategies.models import Strategy, StrategyProcess

if TYPE_CHECKING:
    from collections.abc import Callable

A, B = Node("a", "home-a"), Node("b", "home-b")


@pytest.fixture
def nodes(transactional_db: None) -> None:
    node_register(A)
    node_register(B)


def over(strategy_id: int = 7, seconds: float = 60) -> None:
    """Let a lease have ended so many seconds ago, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE strategy_leases SET expires_at = clock_timestamp() - %s * interval"
            " '1 second' WHERE strategy_id = %s",
            [seconds, strategy_id],
        )


def silent(node: Node, seconds: float = 60) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE supervisor_nodes SET seen_at = clock_timestamp() - %s * interval"
            " '1 second' WHERE name = %s",
            [seconds, node.name],
        )


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """Run each in a thread of its own, at the same moment; return what they returned."""
    ready, answers = threading.Barrier(len(work)), [None] * len(work)

    def run(place: int) -> None:
        try:
            connection.ensure_connection()
            ready.wait(10)
            answers[place] = work[place]()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return answers


@pytest.mark.usefixtures("nodes")
def test_of_two_takers_at_once_one_wins() -> None:
    ids = list(range(1, 41))
    first, second = at_once(
        lambda: leases_take(A, ids, guarded=True),
        lambda: leases_take(B, ids, guarded=True),
    )
    assert first.keys() | second.keys() == set(ids)
    assert not first.keys() & second.keys()
    assert set(first.values()) | set(second.values()) == {1}


@pytest.mark.usefixtures("nodes")
def test_of_two_who_take_what_is_over_one_wins() -> None:
    c = Node("c", "home-c")
    node_register(c)
    for number in range(10):
        leases_take(A, [number + 1], guarded=True)
        over(number + 1)
        taken = at_once(
            partial(leases_take, B, [number + 1], guarded=True),
            partial(leases_take, c, [number + 1], guarded=True),
        )
        assert sorted(map(len, taken)) == [0, 1]


@pytest.mark.usefixtures("nodes")
def test_a_lease_that_lasts_is_not_taken_and_the_term_grows_with_each_holder() -> None:
    assert leases_take(A, [7], guarded=True) == {7: 1}
    assert leases_take(B, [7], guarded=True) == {}
    over()
    assert leases_take(B, [7], guarded=True) == {7: 2}
    row = StrategyLease.objects.get(pk=7)
    assert (row.node, row.came_from) == ("b", "a")
    leases_release(B, {7: 2})
    assert leases_take(A, [7], guarded=True) == {7: 3}
    assert leases_take(A, [7], guarded=True) == {7: 4}


@pytest.mark.usefixtures("nodes")
def test_what_is_over_and_not_guarded_is_not_taken() -> None:
    leases_take(A, [7, 0], guarded=False)
    over(7, 3600)
    over(0, 3600)
    # Nobody does what is done once for all without a database, so that may be taken.
    assert leases_take(B, [7, 0], guarded=True) == {0: 2}
    assert leases_renew(A, {7: 1, 0: 1}, guarded=True).kept == {7}


@pytest.mark.usefixtures("nodes")
def test_others_wait_a_little_longer_than_the_lease() -> None:
    leases_take(A, [7], guarded=True)
    over(7, store.lease_limits().margin - 1)
    assert leases_take(B, [7], guarded=True) == {}
    over(7, store.lease_limits().margin + 0.1)
    assert leases_take(B, [7], guarded=True) == {7: 2}


@pytest.mark.usefixtures("nodes")
def test_what_is_over_may_be_renewed_as_long_as_nobody_took_it() -> None:
    taken = leases_take(A, [7, 8], guarded=True)
    over(7)
    over(8)
    leases_take(B, [8], guarded=True)
    answer = leases_renew(A, taken, guarded=True)
    assert answer.known
    assert answer.kept == {7}
    assert leases_take(B, [7], guarded=True) == {}


@pytest.mark.usefixtures("nodes")
def test_an_earlier_term_of_the_same_node_renews_nothing() -> None:
    old = leases_take(A, [7], guarded=True)
    new = leases_take(A, [7], guarded=True)
    assert leases_renew(A, old, guarded=True).kept == frozenset()
    assert leases_renew(A, new, guarded=True).kept == {7}
    leases_release(A, old)
    assert StrategyLease.objects.get(pk=7).node == "a"


@pytest.mark.usefixtures("nodes")
def test_renewal_and_take_at_the_same_moment_have_one_winner() -> None:
    for number in range(1, 11):
        taken = leases_take(A, [number], guarded=True)
        over(number)
        renewed, lost = at_once(
            partial(leases_renew, A, taken, guarded=True),
            partial(leases_take, B, [number], guarded=True),
        )
        assert bool(renewed.kept) != bool(lost)


@pytest.mark.usefixtures("nodes")
def test_the_clock_of_a_machine_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = leases_take(A, [7], guarded=True)
    later = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: later)
    monkeypatch.setattr(timezone, "now", lambda: datetime(2031, 1, 1, tzinfo=UTC))
    assert leases_take(B, [7], guarded=True) == {}
    seen = leases_renew(A, taken, guarded=True).picture
    lease, node = seen.leases[7], seen.node("b")
    assert 29 < lease.left <= 30
    assert node is not None
    assert 0 <= node.age < 10


@pytest.mark.usefixtures("nodes")
def test_a_renewal_shows_the_nodes_and_who_holds_what() -> None:
    leases_take(A, [1], guarded=False)
    leases_take(B, [2, 3], guarded=True)
    silent(B)
    seen = leases_renew(A, {1: 1}, guarded=True).picture
    assert {key: lease.node for key, lease in seen.leases.items()} == {
        1: "a",
        2: "b",
        3: "b",
    }
    b = seen.node("b")
    assert b is not None
    assert b.dead(store.lease_limits())
    assert not seen.others(store.lease_limits())
    assert StrategyLease.objects.get(pk=1).guarded


@pytest.mark.usefixtures("nodes")
def test_two_homes_of_one_name_do_not_both_live() -> None:
    twin = Node("a", "home-twin")
    with pytest.raises(NodeNameTakenError, match="BTCW_NODE"):
        node_register(twin)
    held = leases_take(A, [7], guarded=False)
    silent(A)
    # The machine was replaced: what was its own is its own.
    assert node_register(twin) == [7]
    assert leases_take(twin, [7], guarded=False) == {7: 2}
    # And the one that was thought dead has lost everything.
    answer = leases_renew(A, held, guarded=False)
    assert not answer.known
    assert answer.kept == frozenset()
    assert leases_take(A, [8], guarded=False) == {}


@pytest.mark.usefixtures("nodes")
def test_a_home_with_another_name_keeps_its_leases_and_its_bots() -> None:
    strategy = Strategy.objects.create(name="x")
    leases_take(A, [strategy.pk], guarded=False)
    bot = StrategyProcess.objects.create(
        strategy=strategy, status="running", resource_usage={"node": "a"}
    )
    silent(A)
    renamed = Node("z", "home-a")
    assert node_register(renamed) == [strategy.pk]
    assert {row.name for row in SupervisorNode.objects.all()} == {"b", "z"}
    assert StrategyLease.objects.get(pk=strategy.pk).node == "z"
    leases_take(renamed, [strategy.pk], guarded=False)
    # Its bot, which may outlive the supervisor, is found by its row and not run twice.
    bot.refresh_from_db()
    assert bot.stop_time is None
    assert bot.resource_usage["node"] == "z"


@pytest.mark.usefixtures("nodes")
def test_a_copy_of_a_home_takes_nothing_from_the_one_that_lives() -> None:
    held = leases_take(A, [7], guarded=False)
    with pytest.raises(NodeNameTakenError, match="run/node"):
        node_register(Node("z", "home-a"))
    answer = leases_renew(A, held, guarded=False)
    assert answer.known
    assert answer.kept == {7}


@pytest.mark.usefixtures("nodes")
def test_who_says_goodbye_is_neither_live_nor_dead() -> None:
    node_farewell(B)
    limits = store.lease_limits()
    node = leases_renew(A, {}, guarded=False).picture.node("b")
    assert node is not None
    assert not node.live(limits)
    assert not node.dead(limits)
    assert node_register(Node("b", "another")) == []


@pytest.mark.usefixtures("nodes")
def test_the_processes_of_a_dead_node_are_closed_with_the_take() -> None:
    strategy = Strategy.objects.create(name="x")
    leases_take(A, [strategy.pk], guarded=True)
    over(strategy.pk)
    rows = [
        StrategyProcess.objects.create(
            strategy=strategy, status="running", resource_usage=usage
        )
        for usage in ({"node": "a"}, {"node": "b"}, {})
    ]
    leases_take(B, [strategy.pk], guarded=True)
    for row in rows:
        row.refresh_from_db()
    assert rows[0].stop_time is not None
    assert "node a" in rows[0].resource_usage["reason"]
    assert rows[1].stop_time is None
    # Of an earlier release of ours, which knew no nodes.
    assert rows[2].stop_time is None

"""Leases in a real database: one wins, whatever the clocks of the machines say."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEntry
from freqtrade_mgmt.leases import store
from freqtrade_mgmt.leases.managing import node_drain
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

A = Node("a", "home-a", life="here/a", was="here/a", beats=("a1", "a2"))
B = Node("b", "home-b", life="here/b", was="here/b", beats=("b1", "b2"))


@pytest.fixture
def nodes(transactional_db: None) -> None:
    node_register(A)
    node_register(B)


def stale(*strategy_ids: int) -> list[str]:
    """Return what leases look like now, as somebody knows who saw them long unchanged."""
    leases = leases_renew(Node("-", "-"), {}, guarded=False).picture.leases
    return [leases[key].stamp for key in strategy_ids]


def stamp_of(name: str) -> str:
    """Return the last sign of life of a node."""
    node = leases_renew(Node("-", "-"), {}, guarded=False).picture.node(name)
    assert node is not None
    return node.stamp


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
        old = stale(number + 1)
        taken = at_once(
            partial(leases_take, B, [number + 1], guarded=True, stale=old),
            partial(leases_take, c, [number + 1], guarded=True, stale=old),
        )
        assert sorted(map(len, taken)) == [0, 1]


@pytest.mark.usefixtures("nodes")
def test_a_lease_that_lasts_is_not_taken_and_the_term_grows_with_each_holder() -> None:
    assert leases_take(A, [7], guarded=True) == {7: 1}
    assert leases_take(B, [7], guarded=True) == {}
    assert leases_take(B, [7], guarded=True, stale=stale(7)) == {7: 2}
    row = StrategyLease.objects.get(pk=7)
    assert (row.node, row.came_from) == ("b", "a")
    leases_release(B, {7: 2})
    assert leases_take(A, [7], guarded=True) == {7: 3}
    assert leases_take(A, [7], guarded=True) == {7: 4}


@pytest.mark.usefixtures("nodes")
def test_what_is_over_and_not_guarded_is_not_taken() -> None:
    leases_take(A, [7, 0], guarded=False)
    # Nobody does what is done once for all without a database, so that may be taken.
    assert leases_take(B, [7, 0], guarded=True, stale=stale(0, 7)) == {0: 2}
    assert leases_renew(A, {7: 1, 0: 1}, guarded=True).kept == {7}


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize("step", [-86_400, 0, 86_400])
def test_the_database_s_clock_may_be_set_and_nothing_is_taken_that_was_renewed(
    step: int,
) -> None:
    taken = leases_take(A, [7], guarded=True)
    old = stale(7)
    assert leases_renew(A, taken, guarded=True).kept == {7}
    # As after a step: every stamp lies so far in the past, or ahead.
    with connection.cursor() as cursor:
        for change in (
            "UPDATE strategy_leases SET expires_at = expires_at - %s * interval '1 s'",
            "UPDATE supervisor_nodes SET seen_at = seen_at - %s * interval '1 s'",
        ):
            cursor.execute(change, [step])
    assert leases_take(B, [7], guarded=True) == {}
    assert leases_take(B, [7], guarded=True, stale=old) == {}
    # What nobody renews is taken, whatever the clock says.
    assert leases_take(B, [7], guarded=True, stale=stale(7)) == {7: 2}


@pytest.mark.usefixtures("nodes")
def test_what_is_over_may_be_renewed_as_long_as_nobody_took_it() -> None:
    taken = leases_take(A, [7, 8], guarded=True)
    old = stale(7, 8)
    leases_take(B, [8], guarded=True, stale=old)
    answer = leases_renew(A, taken, guarded=True)
    assert answer.known
    assert answer.kept == {7}
    assert leases_take(B, [7], guarded=True, stale=old) == {}


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
        old = stale(number)
        renewed, lost = at_once(
            partial(leases_renew, A, taken, guarded=True),
            partial(leases_take, B, [number], guarded=True, stale=old),
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
    node = seen.node("b")
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
    twin = Node("a", "home-twin", life="there/t")
    with pytest.raises(NodeNameTakenError, match="BTCW_NODE") as refused:
        node_register(twin)
    assert refused.value.stamps == {"a": stamp_of("a")}
    held = leases_take(A, [7], guarded=False)
    # The machine was replaced: what was its own is its own.
    assert node_register(twin, [stamp_of("a")]) == [7]
    assert leases_take(twin, [7], guarded=False) == {7: 2}
    # And the one that was thought dead has lost everything.
    answer = leases_renew(A, held, guarded=False)
    assert not answer.known
    assert answer.kept == frozenset()
    assert leases_take(A, [8], guarded=False) == {}


@pytest.mark.usefixtures("nodes")
def test_a_copy_of_a_home_on_another_machine_does_not_speak_in_its_name() -> None:
    held = leases_take(A, [7], guarded=False)
    copy = replace(A, life="there/a", was="", beats=("", "c1"))
    with pytest.raises(NodeNameTakenError, match="would run twice") as refused:
        node_register(copy)
    old = refused.value.stamps["a"]
    # It heard nothing for long enough, but at this moment it does.
    assert leases_renew(A, held, guarded=False).kept == {7}
    with pytest.raises(NodeNameTakenError):
        node_register(copy, [old])
    node_farewell(replace(A, beats=("a2", "a3")))
    assert node_register(copy) == [7]
    with pytest.raises(NodeNameTakenError):
        node_register(A)


@pytest.mark.usefixtures("nodes")
def test_of_a_machine_that_was_copied_while_it_ran_one_goes_on() -> None:
    held = leases_take(A, [7], guarded=False)
    # Both know the same; one is quicker, and the other one's knowledge is old by then.
    quick = leases_renew(replace(A, beats=("a2", "a3")), held, guarded=False)
    assert quick.kept == {7}
    copy = replace(A, beats=("a2", "c3"))
    assert not leases_renew(copy, held, guarded=False).known
    assert leases_take(copy, [8], guarded=False) == {}
    leases_release(copy, held)
    node_farewell(copy)
    assert SupervisorNode.objects.get(pk="a").stopped_at is None
    assert StrategyLease.objects.get(pk=7).node == "a"
    # A renewal that arrived without an answer is no reason to doubt.
    quick = leases_renew(replace(A, beats=("a2", "a3")), held, guarded=False)
    assert quick.kept == {7}
    assert leases_renew(replace(A, beats=("a3", "a4")), held, guarded=False).known


@pytest.mark.usefixtures("nodes")
def test_a_standby_that_lacks_the_last_signs_of_life_ends_no_bots() -> None:
    held = leases_take(A, [7], guarded=False)
    later = replace(A, beats=("a1", "a2", "a3", "a4", "a5"))
    # What it has is from before the last renewals.
    SupervisorNode.objects.filter(pk="a").update(beat="a2")
    assert leases_renew(later, held, guarded=False).kept == {7}
    assert SupervisorNode.objects.get(pk="a").beat == "a5"
    # A copy of before knows none of the new ones.
    copy = replace(A, beats=("a1", "a2", "c3"))
    assert not leases_renew(copy, held, guarded=False).known


@pytest.mark.usefixtures("nodes")
def test_a_supervisor_that_is_started_again_in_the_same_place_waits_for_nobody() -> (
    None
):
    leases_take(A, [7], guarded=False)
    again = replace(A, life="here/a-2", was="here/a", beats=("", "n1"))
    assert node_register(again) == [7]
    # An answer that got lost: it asks again.
    assert node_register(again) == [7]
    assert node_register(replace(again, name="z")) == [7]


@pytest.mark.usefixtures("nodes")
def test_a_home_with_another_name_keeps_its_leases_and_its_bots() -> None:
    strategy = Strategy.objects.create(name="x")
    leases_take(A, [strategy.pk], guarded=False)
    bot = StrategyProcess.objects.create(
        strategy=strategy, status="running", resource_usage={"node": "a"}
    )
    renamed = Node("z", "home-a", life="new/z")
    with pytest.raises(NodeNameTakenError, match="another name"):
        node_register(renamed)
    assert node_register(renamed, [stamp_of("a")]) == [strategy.pk]
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
    rows = [
        StrategyProcess.objects.create(
            strategy=strategy, status="running", resource_usage=usage
        )
        for usage in ({"node": "a"}, {"node": "b"}, {})
    ]
    leases_take(B, [strategy.pk], guarded=True, stale=stale(strategy.pk))
    for row in rows:
        row.refresh_from_db()
    assert rows[0].stop_time is not None
    assert "node a" in rows[0].resource_usage["reason"]
    assert rows[1].stop_time is None
    # Of an earlier release of ours, which knew no nodes.
    assert rows[2].stop_time is None


def test_signs_of_life_are_no_decisions_but_emptying_a_node_is(nodes: None) -> None:
    of_nodes = AuditEntry.objects.filter(target="supervisor_nodes")
    for beats in (("a2", "a3"), ("a3", "a4")):
        assert leases_renew(replace(A, beats=beats), {}, guarded=False).known
    node_farewell(A)
    node_register(replace(A, life="here/later", beats=("a4", "a5")))
    assert not of_nodes.exists()
    node_drain("a")
    entry = of_nodes.get()
    assert (entry.target_id, entry.after) == ("a", {"draining": True})

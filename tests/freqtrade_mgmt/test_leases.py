"""Who takes what, as tables of cases."""

from __future__ import annotations

import pytest

from freqtrade_mgmt.leases.picture import (
    DUTIES,
    LeaseSeen,
    Limits,
    NodeSeen,
    Picture,
    leaving,
    placed,
    teller,
)

LIMITS = Limits.of(30)


def picture(*nodes: NodeSeen, **held: list[int]) -> Picture:
    leases = {
        key: LeaseSeen(key, name, left=20.0, guarded=True)
        for name, keys in held.items()
        for key in keys
    }
    return Picture(me="a", nodes=nodes, leases=leases)


def test_a_node_ends_its_bots_before_others_may_take_its_leases() -> None:
    for seconds in (6, 30, 300):
        limits = Limits.of(seconds)
        # Two renewals may fail, and what was told to stop is killed, before it is over.
        assert 2 * limits.every < limits.stop < limits.kill < limits.lease
        assert limits.kill + 0.2 * limits.lease < limits.lease + limits.margin


def test_a_new_strategy_goes_to_the_node_with_the_fewest_bots() -> None:
    seen = picture(NodeSeen("a"), NodeSeen("b"), NodeSeen("c"), a=[1, 2], b=[3], c=[4])
    assert placed([9], seen, {1, 2}, LIMITS) == {9: "b"}


def test_many_new_strategies_are_spread() -> None:
    seen = picture(NodeSeen("a"), NodeSeen("b"))
    assert placed([1, 2, 3, 4, 5], seen, [], LIMITS) == {
        1: "a",
        2: "b",
        3: "a",
        4: "b",
        5: "a",
    }


@pytest.mark.parametrize(
    "other",
    [
        NodeSeen("b", age=31.0),
        NodeSeen("b", stopped=True),
        NodeSeen("b", draining=True),
        NodeSeen("b", capacity=0),
    ],
    ids=["silent", "stopped", "draining", "full"],
)
def test_a_node_that_cannot_take_a_strategy_gets_none(other: NodeSeen) -> None:
    seen = picture(NodeSeen("a"), other, a=[1, 2, 3])
    assert placed([9], seen, {1, 2, 3}, LIMITS) == {9: "a"}


def test_where_all_are_full_the_emptiest_says_why_it_cannot_run() -> None:
    seen = picture(
        NodeSeen("a", capacity=2), NodeSeen("b", capacity=1), a=[1, 2], b=[3]
    )
    assert placed([9], seen, {1, 2}, LIMITS) == {9: "b"}


def test_a_draining_node_that_is_alone_goes_on() -> None:
    seen = picture(NodeSeen("a", draining=True))
    assert placed([9], seen, [], LIMITS) == {9: "a"}
    assert leaving(seen, [1, 2], LIMITS, busy=False) is None


def test_what_was_just_taken_counts_before_the_picture_knows_it() -> None:
    seen = picture(NodeSeen("a"), NodeSeen("b"))
    assert placed([9], seen, {1, 2}, LIMITS) == {9: "b"}


def test_only_what_is_over_and_guarded_is_taken() -> None:
    over = -LIMITS.margin - 0.1
    leases = {
        1: LeaseSeen(1, "b", left=over, guarded=True),
        2: LeaseSeen(2, "b", left=over, guarded=False),
        3: LeaseSeen(3, "b", left=-0.1, guarded=True),
        4: LeaseSeen(4, "b", left=5.0, guarded=True),
        # Done once for all; without a database nobody does it.
        DUTIES: LeaseSeen(DUTIES, "b", left=over, guarded=False),
        # Ours when it was seen, and given back since.
        6: LeaseSeen(6, "a", left=25.0),
    }
    seen = Picture(me="a", nodes=(NodeSeen("a"),), leases=leases)
    assert seen.free([*leases, 5], LIMITS) == [DUTIES, 1, 5, 6]


def test_what_stands_still_is_what_a_dead_node_may_still_run() -> None:
    leases = {
        1: LeaseSeen(1, "dead", left=-60, guarded=False),
        2: LeaseSeen(2, "dead", left=-60, guarded=True),
        3: LeaseSeen(3, "lives", left=-60, guarded=False),
        4: LeaseSeen(4, "removed", left=-60, guarded=False),
    }
    nodes = (NodeSeen("a"), NodeSeen("dead", age=90.0), NodeSeen("lives", age=1.0))
    seen = Picture(me="a", nodes=nodes, leases=leases)
    assert seen.stuck([1, 2, 3, 4, 5], LIMITS) == {1: "dead", 4: "removed"}


def test_a_node_is_emptied_one_by_one_while_others_have_room() -> None:
    draining = NodeSeen("a", draining=True)
    seen = picture(draining, NodeSeen("b"), a=[DUTIES, 5, 6])
    assert leaving(seen, [DUTIES, 6, 5], LIMITS, busy=False) == 5
    assert leaving(seen, [DUTIES, 6, 5], LIMITS, busy=True) is None
    assert leaving(seen, [DUTIES], LIMITS, busy=False) is None
    full = picture(draining, NodeSeen("b", capacity=1), a=[5], b=[7])
    assert leaving(full, [5], LIMITS, busy=False) is None
    assert (
        leaving(picture(NodeSeen("a"), NodeSeen("b")), [5], LIMITS, busy=False) is None
    )


def test_one_living_node_tells_about_the_dead() -> None:
    assert teller(picture(NodeSeen("a"), NodeSeen("b")), LIMITS)
    assert not teller(picture(NodeSeen("A"), NodeSeen("a")), LIMITS)
    assert teller(picture(NodeSeen("A", age=99.0), NodeSeen("a")), LIMITS)

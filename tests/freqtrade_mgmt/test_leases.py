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
from freqtrade_mgmt.leases.sightings import Sightings, Strangers

LIMITS = Limits.of(30)


def picture(*nodes: NodeSeen, **held: list[int]) -> Picture:
    leases = {
        key: LeaseSeen(key, name, unchanged=5.0, guarded=True)
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
    over = LIMITS.lease + LIMITS.margin + 0.1
    leases = {
        1: LeaseSeen(1, "b", unchanged=over, guarded=True),
        2: LeaseSeen(2, "b", unchanged=over, guarded=False),
        3: LeaseSeen(3, "b", unchanged=LIMITS.lease + 0.1, guarded=True),
        4: LeaseSeen(4, "b", unchanged=5.0, guarded=True),
        # Done once for all; without a database nobody does it.
        DUTIES: LeaseSeen(DUTIES, "b", unchanged=over, guarded=False),
        # Ours when it was seen, and given back since.
        6: LeaseSeen(6, "a", unchanged=1.0),
    }
    seen = Picture(me="a", nodes=(NodeSeen("a"),), leases=leases)
    assert seen.free([*leases, 5], LIMITS) == [DUTIES, 1, 5, 6]
    # Nobody looks for a while: what is late by then is looked at before it is taken.
    assert seen.later(4.0).free([3, 4], LIMITS) == [3]


def test_what_stands_still_is_what_a_dead_node_may_still_run() -> None:
    leases = {
        1: LeaseSeen(1, "dead", unchanged=90, guarded=False),
        2: LeaseSeen(2, "dead", unchanged=90, guarded=True),
        3: LeaseSeen(3, "lives", unchanged=90, guarded=False),
        4: LeaseSeen(4, "removed", unchanged=90, guarded=False),
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


def test_a_strategy_goes_where_nobody_said_that_it_cannot_run() -> None:
    nodes = (NodeSeen("a"), NodeSeen("b"), NodeSeen("c", draining=True))
    seen = Picture(me="a", nodes=nodes, notes=frozenset({(9, "a")}))
    assert placed([8, 9], seen, [], LIMITS) == {8: "a", 9: "b"}
    # One that is being emptied, where it is the last.
    seen = Picture(me="a", nodes=nodes, notes=frozenset({(9, "a"), (9, "b")}))
    assert placed([9], seen, [], LIMITS) == {9: "c"}
    # And nobody before a note is over.
    seen = Picture(me="a", nodes=nodes[:2], notes=frozenset({(9, "a"), (9, "b")}))
    assert placed([9], seen, [], LIMITS) == {}


def test_what_the_others_cannot_run_stays_on_a_node_that_is_emptied() -> None:
    nodes = (NodeSeen("a", draining=True), NodeSeen("b"))
    seen = Picture(me="a", nodes=nodes, notes=frozenset({(5, "b")}))
    assert leaving(seen, [5, 6], LIMITS, busy=False) == 6
    assert leaving(seen, [5], LIMITS, busy=False) is None


def seen_by(
    sightings: Sightings, now: float, lease: str, node: str, *, age: float = 1.0
) -> Picture:
    """Look at another node and a lease of it, which look like that."""
    nodes = (NodeSeen("a"), NodeSeen("b", age=age, stamp=node))
    leases = {7: LeaseSeen(7, "b", guarded=True, stamp=lease)}
    return sightings.dated(Picture(me="a", nodes=nodes, leases=leases), now)


def looking(sightings: Sightings, start: float, end: float, *seen: str) -> Picture:
    """Look every few seconds at what stays the same; return the last picture."""
    now = start
    while now < end:
        seen_by(sightings, now, *seen)
        now += LIMITS.every
    return seen_by(sightings, end, *seen)


def test_a_lease_is_over_when_it_was_seen_unchanged_for_long_enough() -> None:
    sightings, patience = Sightings(LIMITS.gap), LIMITS.lease + LIMITS.margin
    first = seen_by(sightings, 100.0, "x", "1")
    assert first.free([7], LIMITS) == []
    looking(sightings, 105.0, 119.0, "x", "1")
    renewed = seen_by(sightings, 120.0, "y", "2")
    assert renewed.leases[7].unchanged == 0.0
    late = looking(sightings, 120.0, 120.0 + patience, "y", "2")
    assert late.free([7], LIMITS) == []
    assert seen_by(sightings, 120.1 + patience, "y", "2").free([7], LIMITS) == [7]
    # Whoever has gone and comes again is new.
    sightings.dated(Picture(me="a"), 160.0)
    assert seen_by(sightings, 161.0, "y", "2").free([7], LIMITS) == []


def test_a_time_in_which_nobody_could_look_does_not_count() -> None:
    sightings, patience = Sightings(LIMITS.gap), LIMITS.lease + LIMITS.margin
    looking(sightings, 100.0, 110.0, "x", "1")
    # The database was away for ten minutes: nobody could renew anything.
    back = seen_by(sightings, 710.0, "x", "1")
    assert back.leases[7].unchanged == pytest.approx(10.0)
    assert back.others(LIMITS)
    # Whoever is dead all the same, is so after what is left.
    late = looking(sightings, 715.0, 701.0 + patience, "x", "1")
    assert late.free([7], LIMITS) == [7]
    # One renewal that is not answered in time is no such time.
    assert LIMITS.gap < patience / 3
    sightings = Sightings(LIMITS.gap)
    seen_by(sightings, 100.0, "x", "1")
    once = seen_by(sightings, 100.0 + LIMITS.gap, "x", "1")
    assert once.leases[7].unchanged == LIMITS.gap


@pytest.mark.parametrize("age", [-86_400.0, 1.0, 86_400.0])
def test_a_step_of_the_database_s_clock_makes_nobody_dead(age: float) -> None:
    sightings = Sightings(LIMITS.gap)
    seen_by(sightings, 100.0, "x", "1")
    # It says something, then the clock is set, then it is looked at.
    stepped = seen_by(sightings, 105.0, "y", "2", age=age)
    assert stepped.others(LIMITS)
    for now in (110.0, 115.0, 120.0, 125.0, 130.0):
        assert seen_by(sightings, now, "y", "2", age=age).others(LIMITS)
    seen_by(sightings, 135.0, "y", "2", age=age)
    silent = seen_by(sightings, 140.0, "y", "2", age=age).node("b")
    assert silent is not None
    assert silent.dead(LIMITS)


def test_at_the_first_sight_a_node_is_as_old_as_the_database_says() -> None:
    node = seen_by(Sightings(LIMITS.gap), 100.0, "x", "1", age=60.0).node("b")
    assert node is not None
    assert node.dead(LIMITS)


def looked(
    strangers: Strangers, start: int, end: int, *, unguarded: tuple[str, ...] = ()
) -> None:
    """See the same stranger every second."""
    for now in range(start, end + 1):
        strangers.note({"a": "1"}, float(now), unguarded)


def test_a_stranger_is_silent_when_no_sign_of_life_came_for_long_enough() -> None:
    strangers = Strangers()
    assert not strangers.note({"a": "1"}, 100.0)
    looked(strangers, 101, 134)
    assert strangers.silent(133.0, 33.0) == []
    assert strangers.silent(134.0, 33.0) == ["1"]
    # Another one in the way does not make the first one forgotten.
    assert not strangers.note({"b": "7"}, 134.0)
    assert strangers.silent(135.0, 33.0) == ["1"]
    assert strangers.note({"a": "2"}, 136.0)
    assert strangers.silent(137.0, 33.0) == []


def test_a_stranger_is_not_silent_because_we_could_not_look() -> None:
    strangers = Strangers()
    looked(strangers, 100, 120)
    # The database was away: it could say nothing either.
    assert strangers.silent(160.0, 33.0) == []
    strangers.note({"a": "1"}, 160.0)
    assert strangers.silent(161.0, 33.0) == []
    looked(strangers, 161, 194)
    assert strangers.silent(194.0, 33.0) == ["1"]


def test_who_was_seen_to_live_and_is_not_guarded_is_never_silent() -> None:
    strangers = Strangers()
    # Before it is seen to live it may be what a power cut left.
    looked(strangers, 100, 134, unguarded=("a",))
    assert strangers.silent(134.0, 33.0) == ["1"]
    strangers.note({"a": "0"}, 135.0, {"a"})
    looked(strangers, 136, 200, unguarded=("a",))
    assert strangers.silent(200.0, 33.0) == []
    # With a guard its bots end in time.
    looked(strangers, 201, 202)
    assert strangers.silent(202.0, 33.0) == ["1"]

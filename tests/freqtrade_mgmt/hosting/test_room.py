"""What a node has room for, where some strategies share a process and others do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from freqtrade_mgmt.leases.picture import (
    DUTIES,
    LeaseSeen,
    Limits,
    NodeSeen,
    Picture,
    leaving,
    placed,
)
from freqtrade_mgmt.supervisor.nodes import node_here, sizes_here

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = Limits.of(30)


@pytest.fixture
def capacity(settings: Any, tmp_path: Path) -> Any:
    """What nodes that may hold so many MB say that they have room for."""
    settings.BTCW_HOME = tmp_path
    settings.RUNNERS = True

    def of(megabytes: int) -> int:
        settings.BOTS_MEMORY_MB = megabytes
        return node_here().capacity

    return of


def picture(*nodes: NodeSeen, **held: list[int]) -> Picture:
    leases = {
        key: LeaseSeen(key, name, unchanged=5.0, guarded=True)
        for name, keys in held.items()
        for key in keys
    }
    return Picture(me="a", nodes=nodes, leases=leases)


@pytest.mark.parametrize(
    ("megabytes", "there", "chosen"),
    [
        # Two bots and a third: 1,050 MB.
        (1100, [7, 8], 1),
        (900, [7, 8], None),
        # A bot, a shared process with two strategies, and another bot: 1,092 MB.
        (1200, [7, 21, 22], 1),
        (1000, [7, 21, 22], None),
        (400, [], 1),
        (340, [], None),
    ],
)
def test_one_with_a_process_of_its_own_leaves_only_for_a_node_with_room_for_that(
    capacity: Any, megabytes: int, there: list[int], chosen: int | None
) -> None:
    sizes = sizes_here({1, 7, 8})
    other = NodeSeen("b", capacity=capacity(megabytes))
    seen = picture(NodeSeen("a", draining=True), other, a=[DUTIES, 1], b=there)
    assert leaving(seen, [DUTIES, 1], LIMITS, sizes, busy=False) == chosen


def test_those_that_share_leave_though_no_node_has_room_for_the_others(
    capacity: Any,
) -> None:
    sizes = sizes_here({1, 7})
    other = NodeSeen("b", capacity=capacity(900))
    draining = NodeSeen("a", draining=True)
    seen = picture(draining, other, a=[1, 21], b=[7, 22])
    assert leaving(seen, [1, 21], LIMITS, sizes, busy=False) == 21
    # The first that shares needs the process as well.
    small = NodeSeen("b", capacity=capacity(690))
    seen = picture(draining, small, a=[1, 21], b=[7])
    assert leaving(seen, [1, 21], LIMITS, sizes, busy=False) is None


def test_a_new_one_with_a_process_of_its_own_goes_where_that_has_room(
    capacity: Any,
) -> None:
    sizes = sizes_here({5, 6, 7, 8, 9})
    small, big = capacity(800), capacity(4000)
    nodes = NodeSeen("a", capacity=small), NodeSeen("b", capacity=big)
    seen = picture(*nodes, a=[7, 8], b=[21, 22, 23, 24])
    assert placed([9], seen, {7, 8}, LIMITS, sizes) == {9: "b"}
    # What was chosen a moment ago takes room too.
    seen = picture(*nodes, b=[21, 22, 23, 24])
    assert placed([5, 6, 9], seen, [], LIMITS, sizes) == {5: "a", 6: "a", 9: "b"}


def test_where_nobody_shares_each_takes_one_place(capacity: Any, settings: Any) -> None:
    settings.RUNNERS = False
    other = NodeSeen("b", capacity=capacity(1100))
    assert other.capacity == 3
    draining = NodeSeen("a", draining=True)
    seen = picture(draining, other, a=[1], b=[7, 8])
    assert leaving(seen, [1], LIMITS, sizes_here({1, 7, 8}), busy=False) == 1
    seen = picture(draining, other, a=[1], b=[7, 8, 9])
    assert leaving(seen, [1], LIMITS, sizes_here({1, 7, 8, 9}), busy=False) is None

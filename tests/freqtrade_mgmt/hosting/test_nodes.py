"""Shared processes on two nodes: a node that dies leaves its strategies to the other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from freqtrade_mgmt.leases.managing import node_drain
from freqtrade_mgmt.leases.models import SupervisorNode
from tests.freqtrade_mgmt.hosting.world import (
    none_missing,
    now_of,
    release_fake,
    rows_of,
    runners_of,
    tidied,
    wanted,
)
from tests.freqtrade_mgmt.nodes import Node, nodes, wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from strategies.models import Strategy

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(400),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]
LEASE = 12


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    """Two nodes that know each other; strategies share processes there."""
    release_fake(tmp_path / "releases")
    a, b = (Node(name, tmp_path, LEASE, BTCW_RUNNERS="1") for name in "ab")
    with tidied(tmp_path), nodes(a, b):
        both = SupervisorNode.objects.filter(guards=True)
        wait(lambda: both.count() == 2, "two nodes", 90, a, b)
        yield a, b


def where(strategies: list[Strategy]) -> set[tuple[str, str]]:
    """Return on which nodes and in which shared processes strategies run."""
    rows = [now_of(strategy) for strategy in strategies]
    usages = [row.resource_usage if row is not None else {} for row in rows]
    return {(usage.get("node", ""), usage.get("runner", "")) for usage in usages}


def test_the_strategies_of_a_killed_supervisor_share_a_process_of_the_other_node(
    two: tuple[Node, Node],
) -> None:
    a, b = two
    strategies = [wanted(f"s{number}") for number in range(4)]
    both = {("a", "simulated-1"), ("b", "simulated-1")}
    wait(lambda: where(strategies) == both, "sharing on both", 120, a, b)
    (stays,) = runners_of(b.home)

    a.kill()
    assert runners_of(a.home)  # it outlives its supervisor, and somebody ends it
    wait(lambda: where(strategies) == {("b", "simulated-1")}, "the move", 120, b)

    assert runners_of(a.home) == []
    assert "no lease was renewed" in (a.home / "run" / "guard.log").read_text()
    assert runners_of(b.home) == [stays]


def test_a_node_that_is_emptied_gives_its_places_to_the_other_and_misses_no_candle(
    two: tuple[Node, Node],
) -> None:
    a, b = two
    strategies = [wanted(f"s{number}") for number in range(4)]
    both = {("a", "simulated-1"), ("b", "simulated-1")}
    wait(lambda: where(strategies) == both, "sharing on both", 120, a, b)
    before = [rows_of(strategy)[-1] for strategy in strategies]
    leaving = {
        row.strategy_id for row in before if row.resource_usage.get("node") == "a"
    }
    (stays,) = runners_of(b.home)

    node_drain("a")
    wait(lambda: where(strategies) == {("b", "simulated-1")}, "the move", 150, a, b)
    # The process that nobody is in any more ends by itself.
    wait(lambda: not runners_of(a.home), "the end of the empty one", 90, a, b)

    assert runners_of(b.home) == [stays]
    for strategy in strategies:
        rows = rows_of(strategy)
        moved = strategy.pk in leaving
        assert len(rows) == 1 + moved
        if moved:
            assert rows[0].resource_usage["reason"] == "it moves to another node"
        # Each but the first of them has a mark in every candle since.
        wait(partial(none_missing, strategy), "its candles", 150, a, b)

"""What follows when a shared process has ended, and what it says of its strategies."""

from __future__ import annotations

import pytest

from freqtrade_mgmt.supervisor.hosting_ends import (
    VAIN_STARTS,
    WINDOW_SECONDS,
    WITHOUT_SECONDS,
    Ends,
    RunnerEnd,
)
from freqtrade_mgmt.supervisor.hosting_groups import Group
from freqtrade_mgmt.supervisor.hosting_states import Status, shares, status_read

GROUP = Group("python", "binance", "spot", "", "x")


def ended(*strategies: int, lot: str = "", met: bool = True) -> RunnerEnd:
    group = Group("python", "binance", "spot", "", "x", lot)
    return RunnerEnd(group, strategies, met)


def test_the_first_end_is_tried_once_more_with_all() -> None:
    after = Ends().after(ended(1, 2, 3), 0.0)
    assert (after.lots, after.moves) == ({}, None)
    assert after.delay > 0


def test_the_second_end_parts_them_and_the_next_ones_at_once() -> None:
    ends = Ends()
    ends.after(ended(1, 2, 3), 0.0)
    assert ends.after(ended(1, 2, 3), 10.0).lots == {1: "a", 2: "a", 3: "b"}
    assert ends.lot(2) == "a"
    assert ends.after(ended(1, 2, lot="a"), 20.0).lots == {1: "aa", 2: "ab"}
    assert ends.after(ended(2, lot="ab"), 30.0).moves == 2
    assert ends.lot(9) == ""


def test_an_end_long_ago_is_forgotten() -> None:
    ends = Ends()
    ends.after(ended(1, 2), 0.0)
    assert not ends.after(ended(1, 2), WINDOW_SECONDS + 1).lots


def test_one_alone_that_ends_it_twice_moves_out() -> None:
    ends = Ends()
    assert ends.after(ended(1), 0.0).moves is None
    assert ends.after(ended(1), 10.0).moves == 1


def test_who_is_known_to_be_guilty_costs_the_others_nothing() -> None:
    ends = Ends()
    end = RunnerEnd(GROUP, [1, 2, 3], met=True, guilty=2)
    for moment in range(5):
        after = ends.after(end, float(moment))
        assert (after.delay, after.lots, after.moves) == (0.0, {}, 2)


def test_what_never_comes_up_is_done_without_for_a_while() -> None:
    ends = Ends()
    for moment in range(VAIN_STARTS):
        assert ends.works(GROUP, float(moment))
        assert not ends.after(ended(1, 2, met=False), float(moment)).lots
    assert not ends.works(GROUP, 10.0)
    assert not ends.works(Group("python", "binance", "spot", "", "x", "a"), 10.0)
    assert ends.works(GROUP, 10.0 + WITHOUT_SECONDS)


def test_one_that_came_up_in_between_begins_anew() -> None:
    ends = Ends()
    for moment in range(VAIN_STARTS * 2):
        ends.after(ended(1, met=False), float(moment))
        ends.met(GROUP)
    assert ends.works(GROUP, 10.0)


@pytest.mark.parametrize(
    ("state", "error", "moves"),
    [
        ("running", "", ""),
        ("loading", "", ""),
        ("refused", "needs_bot", "needs_bot"),
        ("failed", "load", ""),
        ("failed", "port", ""),
        ("failed", "worker", ""),
        ("failed", "raised", "raised"),
        ("failed", "memory", "memory"),
        ("failed", "exit", "ended"),
        ("failed", "something new", "ended"),
        ("hung", "hung", "hung"),
    ],
)
def test_what_asks_for_a_process_of_its_own(state: str, error: str, moves: str) -> None:
    assert Status(1, "run", state, error).moves == moves


@pytest.mark.parametrize(
    "garbage", [None, 7, [], {}, {"strategy_id": "7"}, {"strategy_id": True}]
)
def test_garbage_about_a_strategy_is_nothing(garbage: object) -> None:
    assert status_read(garbage) is None


def test_numbers_and_sentences_of_strategies_are_not_believed() -> None:
    status = status_read(
        {
            "strategy_id": 7,
            "run": "r",
            "state": "running",
            "memory_mb": float("inf"),
            "message": "a\nb " + "x" * 1000,
        }
    )
    assert status is not None
    assert status.memory_mb == 0.0
    assert status.message.startswith("a b x")
    assert len(status.message) < 310


def test_memory_is_shared_out_completely() -> None:
    assert shares(100.0, {1: 10.0, 2: 30.0}) == {1: 40.0, 2: 60.0}
    assert shares(100.0, {1: 300.0, 2: 0.0}) == {1: 100.0, 2: 0.0}
    assert sum(shares(100.0, {1: 90.0, 2: 90.0}).values()) == pytest.approx(100.0)
    assert shares(100.0, {}) == {}

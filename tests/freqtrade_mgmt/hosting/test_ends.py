"""What follows when a shared process has ended, and what it says of its strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP = Group("python", "binance", "spot", "", "x")


def ended(*strategies: int, lot: str = "", met: bool = True) -> RunnerEnd:
    group = Group("python", "binance", "spot", "", "x", lot)
    return RunnerEnd(group, strategies, met)


def rounds(
    ends: Ends,
    inside: list[int],
    dies: Callable[[list[int]], bool],
    *,
    seconds: float = 20.0,
    most: int = 5,
) -> tuple[set[int], float]:
    """Have runners of strategies end until nobody does; return who moved out, and when.

    ``dies`` says whether one with these strategies ends; ``most`` may be needed.
    """
    moved: set[int] = set()
    now = 0.0
    for _round in range(40):
        by_lot: dict[str, list[int]] = {}
        for key in (key for key in inside if key not in moved):
            by_lot.setdefault(ends.lot(key, now), []).append(key)
        assert len(by_lot) <= most
        fallen = [(lot, keys) for lot, keys in sorted(by_lot.items()) if dies(keys)]
        for lot, keys in fallen:
            after = ends.after(ended(*keys, lot=lot), now)
            if after.moves is not None:
                moved.add(after.moves)
            if after.without:
                return moved, now
        if not fallen:
            return moved, now
        now += seconds
    raise AssertionError("it does not come to an end")


def test_the_first_end_is_tried_once_more_with_all() -> None:
    after = Ends().after(ended(1, 2, 3), 0.0)
    assert (after.lots, after.moves) == ({}, None)
    assert after.delay > 0


def test_the_second_end_parts_them_and_each_part_gets_the_same_chance() -> None:
    ends = Ends()
    ends.after(ended(1, 2, 3), 0.0)
    assert ends.after(ended(1, 2, 3), 10.0).lots == {1: "1a", 2: "1a", 3: "1b"}
    assert ends.lot(2, 10.0) == "1a"
    first = ends.after(ended(1, 2, lot="1a"), 20.0)
    assert (first.lots, first.moves) == ({}, None)
    assert ends.after(ended(1, 2, lot="1a"), 30.0).lots == {1: "1aa", 2: "1ab"}
    assert ends.after(ended(2, lot="1ab"), 40.0).moves is None
    assert ends.after(ended(2, lot="1ab"), 50.0).moves == 2
    assert ends.lot(9, 50.0) == ""


def test_an_end_long_ago_is_forgotten() -> None:
    ends = Ends()
    ends.after(ended(1, 2), 0.0)
    assert not ends.after(ended(1, 2), WINDOW_SECONDS + 1).lots


def test_a_lot_is_forgotten_when_nothing_ended_there_for_a_while() -> None:
    ends = Ends()
    ends.after(ended(1, 2), 0.0)
    ends.after(ended(1, 2), 10.0)
    ends.after(ended(1, lot="1a"), 300.0)
    later = 10.0 + WINDOW_SECONDS
    assert (ends.lot(1, later), ends.lot(2, later)) == ("1a", "")
    assert ends.lot(1, 300.0 + WINDOW_SECONDS) == ""
    # An end months later is the first again, whatever the runner was for.
    again = ends.after(ended(1, lot="1a"), 1e6)
    assert (again.moves, again.lots) == (None, {})


def test_one_alone_that_ends_it_twice_moves_out() -> None:
    ends = Ends()
    assert ends.after(ended(1), 0.0).moves is None
    assert ends.after(ended(1), 10.0).moves == 1


def test_two_runners_of_a_group_that_end_once_each_are_two_accidents() -> None:
    ends = Ends()
    ends.after(ended(1, 2), 0.0)
    after = ends.after(ended(3), 1.0)
    assert (after.lots, after.moves, after.without) == ({}, None, False)


def test_only_those_who_were_in_it_both_times_are_parted() -> None:
    ends = Ends()
    ends.after(ended(1, 2, 3), 0.0)
    assert ends.after(ended(2, 3, 4, 5), 10.0).lots == {2: "1a", 3: "1b"}
    # Nor is somebody guilty for having been in two that ended.
    ends.after(ended(7, 8), 20.0)
    after = ends.after(ended(8, 9), 30.0)
    assert (after.lots, after.moves) == ({8: "2a"}, None)


def test_two_who_are_guilty_are_both_found() -> None:
    ends, guilty, inside = Ends(), {1, 6}, list(range(8))
    moved, now = rounds(ends, inside, lambda who: bool(guilty & {*who}), most=7)
    assert moved == guilty
    assert ends.works(GROUP, now)


@pytest.mark.parametrize("strategies", [8, 100])
def test_a_cause_that_all_share_parts_them_twice_and_no_more(strategies: int) -> None:
    ends = Ends()
    moved, now = rounds(ends, list(range(strategies)), lambda _members: True)
    assert moved == set()
    assert not ends.works(GROUP, now)
    assert {ends.lot(key, now) for key in range(strategies)} == {""}


def test_runners_that_are_killed_from_outside_now_and_then_are_done_without() -> None:
    # As by the machine, when memory is short: more runners would make it worse.
    ends = Ends()
    moved, now = rounds(
        ends, list(range(100)), lambda _members: True, seconds=250.0, most=4
    )
    assert moved == set()
    assert not ends.works(GROUP, now)


def test_who_is_known_to_be_guilty_costs_the_others_nothing() -> None:
    ends = Ends()
    end = RunnerEnd(GROUP, [1, 2, 3], met=True, guilty=2)
    for moment in range(5):
        after = ends.after(end, float(moment))
        assert (after.delay, after.lots, after.moves) == (0.0, {}, 2)


def test_what_never_comes_up_is_done_without_for_a_while() -> None:
    ends, now, last = Ends(), 0.0, 0.0
    for number in range(1, VAIN_STARTS + 1):
        assert ends.works(GROUP, now)
        after = ends.after(ended(1, 2, met=False), now)
        assert (after.lots, after.without) == ({}, number == VAIN_STARTS)
        last, now = now, now + after.delay
    assert not ends.works(GROUP, now)
    assert not ends.all_work(now)
    assert not ends.works(Group("python", "binance", "spot", "", "x", "a"), now)
    assert ends.works(GROUP, last + WITHOUT_SECONDS)
    assert ends.all_work(last + WITHOUT_SECONDS)


def test_those_that_fall_together_are_one_vain_start() -> None:
    ends = Ends()
    delay = ends.after(ended(1, met=False), 0.0).delay
    for number in range(2, 9):
        assert ends.after(ended(number, met=False), 0.1).delay == delay - 0.1
    assert ends.works(GROUP, 1.0)
    assert ends.paused(GROUP, delay - 0.1)
    assert not ends.paused(GROUP, delay)


def test_one_that_came_up_in_between_begins_anew() -> None:
    ends, now = Ends(), 0.0
    for _number in range(VAIN_STARTS * 2):
        now += ends.after(ended(1, met=False), now).delay
        ends.met(GROUP)
        assert not ends.paused(GROUP, now)
    assert ends.works(GROUP, now)


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

"""How loads, analyses and questions of one worker take turns. No process is started."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from freqtrade_mgmt.runner.members import Member, Task
from tests.freqtrade_mgmt.runner.test_members import Written, given, hosted, task

if TYPE_CHECKING:
    from freqtrade_mgmt.runner.hosted import Hosted


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def member(written: Written) -> Member:
    return Member("worker-1", 0, written)  # type: ignore[arg-type]


def finish(member: Member, *, seconds: float = 0.0) -> None:
    """Let what it does be done, after so long."""
    assert member.current
    member.since = time.monotonic() - seconds
    member.finished(member.current.number)


def load(member: Member, *numbers: int) -> list[Hosted]:
    """Have strategies loaded that nobody has loaded before."""
    ones = [hosted(number) for number in numbers]
    for one in ones:
        member.load(task(one, -2.0, "load"))
    return ones


def test_after_a_load_analyses_go_first_for_as_long_as_it_took(
    member: Member, written: Written
) -> None:
    load(member, 1, 2, 3)
    other = hosted(9)
    for _ in range(4):
        member.put(task(other, 60))
    finish(member, seconds=1_000)
    while member.current and member.current.do == "analyse":
        finish(member)
    assert given(written)[:6] == [1, 9, 9, 9, 9, 2]


def test_loads_do_not_wait_for_analyses_for_ever(
    member: Member, written: Written
) -> None:
    load(member, 1, 2, 3)
    other = hosted(9)
    for _ in range(9):
        member.put(task(other, 60))
    while member.current:
        finish(member)
    assert set(given(written)[:8]) == {1, 2, 3, 9}


def test_without_analyses_one_load_follows_the_other(
    member: Member, written: Written
) -> None:
    load(member, 1, 2, 3)
    # The next may be known to be the most urgent only when this one is done.
    assert given(written) == [1]
    while member.current:
        finish(member, seconds=1_000)
    assert given(written) == [1, 2, 3]


def test_what_has_to_be_ended_or_asked_before_a_round_waits_for_no_further_load(
    member: Member, written: Written
) -> None:
    load(member, 1, 2)
    finished = hosted(9)
    member.put(task(finished, -2.0, "unload"))
    member.put(task(finished, -1.0, "wants"))
    while member.current:
        finish(member)
    assert given(written) == [1, 9, 9, 2]


def test_loads_of_one_that_is_let_go_are_forgotten_and_others_are_unanswered(
    member: Member, written: Written
) -> None:
    first, gone, last = load(member, 1, 2, 3)
    member.drop(gone)
    assert [one.hosted for one in member.unanswered()] == [first, last]
    while member.current:
        finish(member)
    assert given(written) == [1, 3]


def test_two_starts_of_a_strategy_are_two_stands_for_a_worker(
    member: Member, written: Written
) -> None:
    before, after = load(member, 17, 17)
    member.put(Task(-2.0, "unload", before, 9.0, lambda _said, _parts: None))
    while member.current:
        finish(member)
    stands = [(head["do"], head["stand"]) for head in written.heads]
    assert stands == [
        ("load", before.stand),
        ("unload", before.stand),
        ("load", after.stand),
    ]
    assert before.stand != after.stand

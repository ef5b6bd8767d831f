"""The plan of faults: the seed's alone, complete, and not more than bots bear."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.soak import inflict
from tests.soak.faults import BOT_KILLED, KINDS, SAME_BOT_SECONDS, schedule

BOTS = ("a", "b", "c")


def test_a_seed_always_gives_the_same_faults() -> None:
    assert schedule(7, 1800, BOTS) == schedule(7, 1800, BOTS)
    assert schedule(7, 1800, BOTS) != schedule(8, 1800, BOTS)


@pytest.mark.parametrize("seed", range(20))
def test_half_an_hour_has_every_kind_and_ends_in_calm(seed: int) -> None:
    faults = schedule(seed, 1800, BOTS)
    assert {fault.kind for fault in faults} == {kind.name for kind in KINDS}
    assert all(0 <= fault.at <= 1800 - fault.seconds for fault in faults)
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)


@pytest.mark.parametrize("seed", range(20))
def test_three_minutes_have_many_kinds(seed: int) -> None:
    faults = schedule(seed, 180, BOTS)
    assert len({fault.kind for fault in faults}) >= 10


@pytest.mark.parametrize("seed", range(20))
def test_no_bot_is_killed_so_often_that_it_is_given_up(seed: int) -> None:
    killed = [fault for fault in schedule(seed, 7200, BOTS) if fault.kind == BOT_KILLED]
    assert killed
    for bot in BOTS:
        times = [fault.at for fault in killed if fault.target == bot]
        assert all(b - a >= SAME_BOT_SECONDS for a, b in pairwise(times))


def test_every_kind_is_known_to_who_does_it() -> None:
    done_by_name = {*inflict.KILLED, *inflict.ANSWERS, *inflict.RECEIVER}
    others = {
        BOT_KILLED,
        "Redis flushed",
        "PostgreSQL restarted",
        "exchange answers late",
        "proxy dies",
        "receiver hangs",
    }
    assert done_by_name | others == {kind.name for kind in KINDS}


def test_a_fault_is_told_with_whom_and_how_long() -> None:
    told = {fault.kind: fault.told() for fault in schedule(1, 1800, BOTS)}
    assert told[BOT_KILLED].startswith("bot killed (")
    assert told["proxy dies"].startswith("proxy dies for ")
    assert told["web killed"] == "web killed"

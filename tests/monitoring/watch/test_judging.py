"""When an alert is raised and when it is over: both have to last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.watch.judging import (
    Action,
    History,
    Level,
    Patience,
    judge,
    level_of,
)
from monitoring.watch.looks import GB, disk_level

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LEVELS = {"w": Level.WRONG, "b": Level.BETWEEN, "r": Level.RIGHT}
ACTIONS = {Action.RAISE: "!", Action.RESOLVE: "o", Action.NOTHING: "."}


def played(looks: str, patience: Patience) -> str:
    """Return what is done at each look, one a minute: ``!`` raise, ``o`` resolve."""
    history, done = History(), ""
    for minute, look in enumerate(looks):
        now = START + timedelta(minutes=minute)
        history, action = judge(history, LEVELS[look], patience, now)
        done += ACTIONS[action]
    return done


@pytest.mark.parametrize(
    ("wrong", "right", "looks", "wanted"),
    [
        # At once, and over at once.
        (0, 0, "rwwrr", ".!!o."),
        # It has to last, without a gap.
        (2, 0, "wwrwww", ".....!"),
        (2, 0, "wwbwww", ".....!"),
        # What flickers stays told, once.
        (0, 3, "wrwrwrrrr", "!.!.!...o"),
        # Neither wrong nor well ends nothing and begins nothing.
        (0, 0, "bbwbbr", "..!..o"),
        (0, 2, "wrbrrr", "!....o"),
        # Well again means all forgotten.
        (1, 1, "wwrrww", ".!.o.!"),
    ],
)
def test_a_trouble_is_told_when_it_lasts_and_over_when_that_lasts(
    wrong: int, right: int, looks: str, wanted: str
) -> None:
    patience = Patience(timedelta(minutes=wrong), timedelta(minutes=right))
    assert played(looks, patience) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(0.95, "wrong"), (0.9, "between"), (0.81, "between"), (0.8, "right")],
)
def test_between_two_thresholds_nothing_is_decided(value: float, wanted: str) -> None:
    assert level_of(value, wrong=0.9, right=0.8) == wanted


@pytest.mark.parametrize(
    ("free", "total", "wanted"),
    [
        (50, 1000, "right"),  # much, though a small part
        (5.5, 100, "between"),
        (4, 100, "wrong"),
        (4, 8, "right"),  # little, though a large part
        (0.1, 8, "wrong"),
    ],
)
def test_a_disk_is_full_by_bytes_and_by_part(
    free: float, total: float, wanted: str
) -> None:
    assert disk_level(int(free * GB), int(total * GB)) == wanted

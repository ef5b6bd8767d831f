"""Growth by least squares, over the lives of a process."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest

from tests.soak import judging
from tests.soak.judging import JUDGED_SECONDS, MEMORY
from tests.soak.report import FAILED, OK, SKIPPED
from tests.soak.samples import Series
from tests.soak.slopes import Point, slope


def line(
    level: float, per_hour: float, seconds: int, begin: float = 0.0
) -> list[Point]:
    """Return a point every ten seconds on a straight line."""
    return [
        Point(begin + at, level + per_hour * at / 3600) for at in range(0, seconds, 10)
    ]


def series(points: list[Point]) -> Series:
    found = Series()
    found.memory["web"] = {1: points}
    return found


def test_a_straight_line_is_found_without_error() -> None:
    found = slope({1: line(100, 30, 1800)}, 0)
    assert found is not None
    assert found.per_hour == pytest.approx(30)
    assert found.error == pytest.approx(0, abs=1e-6)
    assert found.last == pytest.approx(found.highest)


def test_a_new_life_on_another_level_is_no_growth() -> None:
    lives = {1: line(100, 0, 900), 2: line(160, 0, 900, 900), 3: line(90, 0, 900, 1800)}
    found = slope(lives, 0)
    assert found is not None
    assert found.per_hour == pytest.approx(0)
    assert (found.seconds, found.lives) == (3 * 890, 3)


def test_growth_in_every_life_is_found_although_each_begins_anew() -> None:
    lives = {n: line(100, 25, 600, n * 600.0) for n in range(4)}
    found = slope(lives, 0)
    assert found is not None
    assert found.per_hour == pytest.approx(25)


def test_what_a_process_takes_at_first_is_left_out() -> None:
    first = line(20, 3600, 120)
    lives = {1: [*first, *line(140, 0, 1800, 120)]}
    found = slope(lives, 120)
    assert found is not None
    assert found.per_hour == pytest.approx(0, abs=0.01)


def test_noise_alone_is_told_as_error() -> None:
    random = Random(1)  # noqa: S311 - noise, not a secret
    noise = partial(random.gauss, 0, 2)
    noisy = [Point(at, 100 + noise()) for at in range(0, 1800, 10)]
    found = slope({1: noisy}, 0)
    assert found is not None
    assert abs(found.per_hour) < 3 * found.error
    assert found.error > 0.5


@pytest.mark.parametrize("points", [[], line(1, 0, 50), [Point(5, 1)] * 40])
def test_too_little_gives_no_slope(points: list[Point]) -> None:
    assert slope({1: points}, 0) is None


def test_a_process_that_leaks_fails_and_a_flat_one_passes() -> None:
    most = MEMORY.over(3600)
    for per_hour, result in ((most + 2, FAILED), (most - 2, OK), (-50.0, OK)):
        found = judging.growths(series(line(100, per_hour, 3610)), 0)
        assert [each.result for each in found] == [result]
        assert judging.growth_check(found).result == result


def test_a_short_watch_is_told_and_not_judged() -> None:
    short = int(JUDGED_SECONDS) - 60
    found = judging.growths(series(line(100, 900, short)), 0)
    assert [each.result for each in found] == [SKIPPED]
    assert judging.growth_check(found).result == SKIPPED


NAMES = ("web", "worker", "bot Steps", "shared")
ALL = (*NAMES[:3], "shared simulated-1")


def all_series(left_out: str = "") -> Series:
    found = Series()
    for name in ALL:
        if name != left_out:
            for quantity in (found.memory, found.descriptors, found.threads):
                quantity[name] = {1: line(100, 0, 1800)}
    return found


def all_judged(found: Series, seconds: float) -> tuple[str, tuple[str, ...]]:
    growth = judging.growths(found, 0)
    watchable = dict.fromkeys(NAMES, seconds)
    check = judging.growth_check(growth, watchable, found.memory)
    return check.result, check.details


def test_a_run_in_which_every_process_was_judged_passes() -> None:
    assert all_judged(all_series(), 1800) == (OK, ())


@pytest.mark.parametrize("name", ALL)
def test_a_process_that_was_never_measured_fails(name: str) -> None:
    wanted = name.split(" simulated", maxsplit=1)[0]
    result, details = all_judged(all_series(name), 30)
    assert result == FAILED
    assert details == (f"{wanted} was never measured",)


def test_a_quantity_with_too_few_points_fails_when_the_run_was_long_enough() -> None:
    found = all_series()
    found.threads["web"] = {1: line(5, 0, 100)}
    assert all_judged(found, 60)[0] == OK
    result, details = all_judged(found, 1800)
    assert result == FAILED
    assert details == ("web: its threads were not judged, in 30 minutes",)


def test_a_short_run_in_which_all_was_measured_is_not_judged() -> None:
    found = Series()
    for name in ALL:
        found.memory[name] = {1: line(100, 0, 20)}
    assert all_judged(found, 20)[0] == SKIPPED


def test_every_life_may_settle_in_once() -> None:
    assert MEMORY.over(3600, 6) == MEMORY.per_hour + 6 * MEMORY.settling


def test_the_longer_the_watch_the_less_growth_is_settling_in() -> None:
    assert MEMORY.over(600) > MEMORY.over(3600) > MEMORY.over(36_000) > MEMORY.per_hour

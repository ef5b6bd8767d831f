"""How far a replica is behind, by what it has replayed and when that was written."""

from __future__ import annotations

import pytest

from btc_watcher.lib import replica
from btc_watcher.lib.replica_lag import KEPT, LagMeter
from btc_watcher.lib.replica_probe import last_record


def test_a_replica_that_has_everything_is_not_behind_however_old_that_is() -> None:
    meter = LagMeter()
    meter.note(100.0, 5_000)
    assert meter.lag(100.0, 5_000, age=86_400.0) == 0.0


def test_it_is_behind_since_the_last_moment_of_which_it_has_everything() -> None:
    meter = LagMeter()
    for second in range(10):
        meter.note(float(second), 1_000 * second)
    assert meter.lag(9.0, 6_500, age=None) == 3.0


def test_the_age_of_the_last_transaction_counts_when_it_says_less() -> None:
    meter = LagMeter()
    meter.note(0.0, 1_000)
    assert meter.lag(0.0, 1_000, age=None) == 0.0
    meter.note(50.0, 9_000)
    assert meter.lag(50.0, 8_000, age=1.5) == 1.5


def test_a_new_process_knows_the_age_alone_and_without_it_nothing() -> None:
    meter = LagMeter()
    meter.note(7.0, 9_000)
    assert meter.lag(7.0, 8_000, age=2.0) == 2.0
    assert meter.lag(7.0, 8_000, age=None) is None


def test_while_nothing_is_written_one_place_is_kept_with_its_latest_time() -> None:
    meter = LagMeter()
    for second in range(1_000):
        meter.note(float(second), 500)
    meter.note(1_000.0, 900)
    assert meter.lag(1_000.0, 500, age=None) == 1.0


def test_a_replica_that_stands_still_for_days_costs_no_memory_and_is_told_right() -> (
    None
):
    meter = LagMeter()
    meter.note(0.0, 0)
    assert meter.lag(0.0, 0, age=None) == 0.0
    for second in range(1, 3 * KEPT):
        meter.note(float(second), second)
        assert meter.lag(float(second), 0, age=None) == second
    # It may not be called near before what was left out is known to be there.
    caught_up = 3.0 * KEPT
    assert meter.lag(caught_up, 3 * KEPT, age=None) == caught_up - KEPT
    meter.note(caught_up, 3 * KEPT)
    assert meter.lag(caught_up, 3 * KEPT, age=None) == 0.0


def test_without_a_replica_everything_is_asked_of_the_primary() -> None:
    assert not replica.configured()
    assert replica.standing() is None
    assert replica.read(lambda alias: alias) == replica.PRIMARY


@pytest.mark.parametrize(
    ("end", "record"),
    [
        (3 * 8_192 + 24, 3 * 8_192),
        (2**24 + 40, 2**24),
        (3 * 8_192 + 56, 3 * 8_192 + 56),
        (3 * 8_192, 3 * 8_192),
    ],
)
def test_the_header_of_an_empty_page_is_no_record(end: int, record: int) -> None:
    assert last_record(end) == record

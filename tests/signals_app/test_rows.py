"""Streaks and silence: who is told, and why somebody is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from signals_app.rows import Streak, price_text, rows_build
from tests.signals_app.factories import NOW, candidate, run_of


def test_a_streak_is_counted_and_only_its_first_is_told() -> None:
    rows = rows_build(run_of(3, timeframe="1m"), {}, NOW)

    assert [row.metadata["streak"] for row in rows] == [1, 2, 3]
    assert [row.quiet for row in rows] == ["", "streak", "streak"]


def test_a_streak_goes_on_from_what_is_stored() -> None:
    one = candidate()

    (row,) = rows_build([one], {one.previous: Streak(7, told=True)}, NOW)

    assert row.metadata["streak"] == 8


def test_a_gap_of_one_candle_ends_a_streak() -> None:
    first, _, third = run_of(3)

    rows = rows_build([first, third], {}, NOW)

    assert [row.metadata["streak"] for row in rows] == [1, 1]


def test_another_mark_begins_a_streak_of_its_own() -> None:
    first, second = run_of(2)
    sold = candidate(mark="exit_long", signal_type="SELL", timestamp=second.timestamp)

    rows = rows_build([first, sold], {}, NOW)

    assert [row.metadata["streak"] for row in rows] == [1, 1]


def test_every_nth_of_a_streak_is_told_where_that_is_wanted() -> None:
    candidates = run_of(7, timeframe="1m", notify_every=3)

    rows = rows_build(candidates, {}, candidates[-1].timestamp - timedelta(minutes=6))

    assert [index for index, row in enumerate(rows) if not row.quiet] == [0, 3, 6]


@pytest.mark.parametrize(
    ("changes", "quiet"),
    [
        ({}, ""),
        ({"signal_type": "HOLD"}, "hold"),
        ({"timestamp": NOW - timedelta(minutes=3)}, "late"),
        ({"strength": 19.9}, "weak"),
        ({"strength": 20.0}, ""),
    ],
)
def test_the_reason_for_silence_is_kept(changes: dict[str, Any], quiet: str) -> None:
    (row,) = rows_build([candidate(**changes)], {}, NOW)

    assert row.quiet == quiet
    assert row.metadata.get("quiet", "") == quiet


def test_late_signals_are_marked() -> None:
    (row,) = rows_build([candidate(timestamp=NOW - timedelta(hours=1))], {}, NOW)

    assert row.metadata["late"] is True


def test_the_event_shows_close_and_open_of_the_candle() -> None:
    (row,) = rows_build([candidate(timeframe="5m")], {}, NOW)

    assert row.event()["timestamp"] == "2026-11-20T12:00:00Z"
    assert row.metadata["candle_open"] == "2026-11-20T11:55:00Z"


def test_a_price_that_eight_decimals_cannot_hold_is_kept_exactly() -> None:
    (row,) = rows_build([candidate(price=0.0000123456789)], {}, NOW)

    assert row.event()["price"] == "0.00001235"
    assert row.metadata["price_exact"] == "1.23456789e-05"


@pytest.mark.parametrize(
    ("price", "text"), [(63210.5, "63210.5"), (100.0, "100"), (1e-8, "0.00000001")]
)
def test_prices_are_written_without_idle_zeros(price: float, text: str) -> None:
    assert price_text(price) == text


def test_a_streak_that_began_weak_is_told_with_its_first_notable_candle() -> None:
    first, second, third = run_of(3)
    weak = replace(first, strength=5.0)

    rows = rows_build([weak, second, third], {}, NOW)

    assert [row.quiet for row in rows] == ["weak", "", "streak"]


def test_a_streak_that_began_late_is_told_with_its_first_candle_in_time() -> None:
    rows = rows_build(run_of(5), {}, NOW)

    assert [row.quiet for row in rows] == ["late", "late", "", "streak", "streak"]

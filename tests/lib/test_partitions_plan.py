"""What a monthly table needs, as tables of cases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from btc_watcher.lib.partitions import (
    NOTIFICATIONS,
    OUTCOMES,
    PROXY_TESTS,
    SIGNALS,
    TABLES,
    Plan,
    State,
    describe,
    month_start,
    plan,
)

NOVEMBER = date(2026, 11, 22)


def months(*texts: str) -> list[date]:
    return [date.fromisoformat(f"{text}-01") for text in texts]


def names(*texts: str) -> frozenset[str]:
    return frozenset(f"signals_{text}" for text in texts)


@pytest.mark.parametrize(
    ("day", "offset", "expected"),
    [
        (date(2026, 11, 22), 0, date(2026, 11, 1)),
        (date(2026, 11, 30), 1, date(2026, 12, 1)),
        (date(2026, 11, 1), 2, date(2027, 1, 1)),
        (date(2026, 12, 31), 1, date(2027, 1, 1)),
        (date(2026, 1, 1), -1, date(2025, 12, 1)),
        (date(2026, 3, 31), -13, date(2025, 2, 1)),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), 0, date(2026, 12, 1)),
    ],
)
def test_months_are_counted_across_the_year_end(
    day: date, offset: int, expected: date
) -> None:
    assert month_start(day, offset) == expected


def test_a_moment_belongs_to_its_month_in_utc() -> None:
    shanghai = timezone(timedelta(hours=8))
    assert month_start(datetime(2027, 1, 1, 7, 59, tzinfo=shanghai)) == date(
        2026, 12, 1
    )
    assert month_start(datetime(2027, 1, 1, 8, 0, tzinfo=shanghai)) == date(2027, 1, 1)


def test_the_tables_of_the_specification_and_the_outcomes_are_cut_by_month() -> None:
    assert TABLES == (SIGNALS, NOTIFICATIONS, PROXY_TESTS, OUTCOMES)
    assert [(table.name, table.column) for table in TABLES] == [
        ("signals", "timestamp"),
        ("notification_history", "sent_at"),
        ("proxy_test_history", "test_time"),
        ("signal_outcomes", "timestamp"),
    ]


def test_names_sort_by_time() -> None:
    in_order = months("0999-12", "2026-09", "2026-10", "2026-12", "2027-01")
    partitions = [SIGNALS.partition(month) for month in in_order]
    assert partitions == sorted(partitions)


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        (names(), months("2026-11", "2026-12", "2027-01", "2027-02")),
        (names("2026_11", "2027_01"), months("2026-12", "2027-02")),
        (names("2026_11", "2026_12", "2027_01", "2027_02"), []),
        (names("default"), months("2026-11", "2026-12", "2027-01", "2027-02")),
    ],
)
def test_the_current_month_and_three_ahead_are_created(
    existing: frozenset[str], expected: list[date]
) -> None:
    made = plan(SIGNALS, State(existing), today=NOVEMBER)
    assert list(made.create) == expected
    assert made.drop == ()


def test_the_month_of_a_stray_row_is_created_too() -> None:
    strays = {date(2020, 2, 1): 7, date(2026, 12, 1): 2}
    made = plan(SIGNALS, State(names("2026_11"), strays), today=NOVEMBER)
    assert made.create == {
        date(2020, 2, 1): 7,
        date(2026, 12, 1): 2,
        date(2027, 1, 1): 0,
        date(2027, 2, 1): 0,
    }


@pytest.mark.parametrize(
    ("kept", "dropped"),
    [
        (None, ()),
        (1, ("signals_2025_01", "signals_2025_12", "signals_2026_09")),
        (2, ("signals_2025_01", "signals_2025_12")),
        (11, ("signals_2025_01",)),
        (22, ()),
    ],
)
def test_older_months_are_dropped_only_when_a_number_is_set(
    kept: int | None, dropped: tuple[str, ...]
) -> None:
    state = State(
        names("2025_01", "2025_12", "2026_09", "2026_10", "2026_11", "default")
    )
    assert plan(SIGNALS, state, today=NOVEMBER, months_kept=kept).drop == dropped


def test_a_partition_with_a_name_of_somebody_else_is_never_dropped() -> None:
    state = State(names("2019", "2019_1", "0_archive", "2019_01_old", "default"))
    assert plan(SIGNALS, state, today=NOVEMBER, months_kept=1).drop == ()


def test_a_plan_is_told_in_words() -> None:
    told = describe(
        Plan(SIGNALS, {date(2026, 12, 1): 0, date(2020, 2, 1): 7}, ("signals_2019_01",))
    )
    assert told == [
        "create signals_2026_12 (2026-12-01 to 2027-01-01 UTC)",
        "create signals_2020_02 (2020-02-01 to 2020-03-01 UTC),"
        " move 7 rows there from signals_default",
        "drop signals_2019_01",
    ]
    assert describe(Plan(SIGNALS)) == []

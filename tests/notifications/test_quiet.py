"""Quiet hours across midnight and on the days when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btc_watcher.lib.errors import ConfigurationError
from notifications.quiet import quiet_read
from notifications.receivers import (
    Person,
    receiver_of,
    repeat_read,
    speed_read,
    window_end,
)


def at(text: str, zone: str = "UTC") -> datetime:
    """Return an aware moment; ``fold`` of an ambiguous one is the first."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


CASES = [
    # Shanghai has no daylight saving; quiet hours go across midnight.
    ("Asia/Shanghai", "22:30", "07:00", "2026-11-22T14:29:59", None),
    ("Asia/Shanghai", "22:30", "07:00", "2026-11-22T14:30:00", "2026-11-22T23:00:00"),
    ("Asia/Shanghai", "22:30", "07:00", "2026-11-22T20:00:00", "2026-11-22T23:00:00"),
    ("Asia/Shanghai", "22:30", "07:00", "2026-11-22T22:59:59", "2026-11-22T23:00:00"),
    ("Asia/Shanghai", "22:30", "07:00", "2026-11-22T23:00:00", None),
    ("Asia/Shanghai", "12:00", "13:30", "2026-11-22T04:00:00", "2026-11-22T05:30:00"),
    ("Asia/Shanghai", "12:00", "13:30", "2026-11-22T03:59:59", None),
    ("Asia/Shanghai", "00:00", "06:00", "2026-11-21T16:00:00", "2026-11-21T22:00:00"),
    # Berlin goes forward on 2026-03-29 at 02:00: this night has an hour less.
    ("Europe/Berlin", "22:00", "07:00", "2026-03-28T20:59:59", None),
    ("Europe/Berlin", "22:00", "07:00", "2026-03-28T21:00:00", "2026-03-29T05:00:00"),
    ("Europe/Berlin", "22:00", "07:00", "2026-03-29T01:00:00", "2026-03-29T05:00:00"),
    ("Europe/Berlin", "22:00", "07:00", "2026-03-29T05:00:00", None),
    # 02:30 does not exist in this night: it is 03:30.
    ("Europe/Berlin", "22:00", "02:30", "2026-03-29T00:59:59", "2026-03-29T01:30:00"),
    ("Europe/Berlin", "22:00", "02:30", "2026-03-29T01:30:00", None),
    ("Europe/Berlin", "02:30", "06:00", "2026-03-29T01:00:00", None),
    ("Europe/Berlin", "02:30", "06:00", "2026-03-29T01:30:00", "2026-03-29T04:00:00"),
    # Berlin goes back on 2026-10-25 at 03:00: 02:30 comes twice.
    ("Europe/Berlin", "22:00", "07:00", "2026-10-24T20:00:00", "2026-10-25T06:00:00"),
    ("Europe/Berlin", "22:00", "02:30", "2026-10-25T00:29:00", "2026-10-25T01:30:00"),
    ("Europe/Berlin", "22:00", "02:30", "2026-10-25T00:45:00", "2026-10-25T01:30:00"),
    ("Europe/Berlin", "22:00", "02:30", "2026-10-25T01:30:00", None),
    ("Europe/Berlin", "02:30", "06:00", "2026-10-25T00:30:00", "2026-10-25T05:00:00"),
    # New York goes forward on 2026-03-08 and back on 2026-11-01, at 02:00.
    ("America/New_York", "23:00", "06:30", "2026-03-08T03:59:59", None),
    (
        "America/New_York",
        "23:00",
        "06:30",
        "2026-03-08T04:00:00",
        "2026-03-08T10:30:00",
    ),
    (
        "America/New_York",
        "23:00",
        "02:15",
        "2026-03-08T06:59:59",
        "2026-03-08T07:15:00",
    ),
    (
        "America/New_York",
        "23:00",
        "06:30",
        "2026-11-01T03:00:00",
        "2026-11-01T11:30:00",
    ),
    (
        "America/New_York",
        "23:00",
        "01:30",
        "2026-11-01T05:45:00",
        "2026-11-01T06:30:00",
    ),
    ("America/New_York", "23:00", "01:30", "2026-11-01T06:30:00", None),
]


@pytest.mark.parametrize(("zone", "start", "end", "now", "until"), CASES)
def test_quiet_hours_end_when_the_clock_says_so(
    zone: str, start: str, end: str, now: str, until: str | None
) -> None:
    quiet = quiet_read({"from": start, "to": end, "zone": zone})
    assert quiet is not None
    expected = utc(until) if until else None
    assert quiet.until(utc(now)) == expected
    # Whatever zone the moment comes in.
    assert quiet.until(utc(now).astimezone(ZoneInfo("Asia/Tokyo"))) == expected


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 - made aware below
    st.integers(0, 24 * 60 - 1),
    st.integers(0, 24 * 60 - 1),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Shanghai", "UTC"]),
)
def test_what_is_kept_is_kept_for_a_day_and_an_hour_at_most(
    moment: datetime, start: int, end: int, zone: str
) -> None:
    if start == end:
        return
    words = [f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (start, end)]
    quiet = quiet_read({"from": words[0], "to": words[1], "zone": zone})
    assert quiet is not None
    now = moment.replace(tzinfo=UTC)
    until = quiet.until(now)
    if until is None:
        return
    assert now < until <= now + timedelta(hours=25)
    assert quiet.until(until) is None
    wall = (until - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
    assert quiet.until(wall) == until


@pytest.mark.parametrize(
    ("passes", "passing"), [("P0", {"P0"}), ("none", set()), (None, {"P0"})]
)
def test_one_priority_passes_or_none(passes: str | None, passing: set[str]) -> None:
    value = {"from": "22:00", "to": "07:00"} | ({"passes": passes} if passes else {})
    quiet = quiet_read(value)
    assert quiet is not None
    assert {each for each in ("P0", "P1", "P2") if quiet.lets_pass(each)} == passing


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("22:00", "'quiet_hours'"),
        ({"from": "22:00"}, "'to'"),
        ({"from": "25:00", "to": "07:00"}, "'25:00'"),
        ({"from": "22:00", "to": "22:00"}, "different times"),
        ({"from": "22:00", "to": "07:00", "zone": "Mars/Base"}, "'Mars/Base'"),
        ({"from": "22:00", "to": "07:00", "zone": "Europe"}, "'Europe'"),
        ({"from": "22:00", "to": "07:00", "zone": "../etc"}, "'../etc'"),
        ({"from": "22:00", "to": "07:00", "zone": 8}, "8"),
        ({"from": "22:00", "to": "07:00", "passes": "P1"}, "'P1'"),
    ],
)
def test_wrong_quiet_hours_are_refused_by_name(value: Any, names: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        quiet_read(value)
    assert names in refusal.value.message


QUIET = {"from": "22:00", "to": "07:00", "zone": "Asia/Shanghai"}
PERSON = Person(
    "zh-hans", "Europe/Berlin", {"quiet_hours": {"from": "20:00", "to": "06:00"}}
)


def test_a_channel_goes_before_its_user() -> None:
    own = receiver_of(
        {"quiet_hours": QUIET, "language": "en"}, PERSON, language="zh-hans"
    )
    assert (own.language, str(own.zone)) == ("en", "Europe/Berlin")
    assert own.quiet is not None
    assert str(own.quiet.zone) == "Asia/Shanghai"


def test_a_users_quiet_hours_are_in_the_users_zone() -> None:
    reader = receiver_of({}, PERSON, language="en")
    assert reader.language == "zh-hans"
    assert reader.quiet_until("P1", at("2026-07-01T23:00", "Europe/Berlin")) == at(
        "2026-07-02T06:00", "Europe/Berlin"
    )


def test_a_stored_mistake_counts_as_absent() -> None:
    config = {
        "quiet_hours": {"from": "x"},
        "speed": {"P1": -1},
        "repeat_minutes": "often",
        "language": "tlh",
    }
    reader = receiver_of(config, Person("en", "Nowhere/At_All", {}), language="zh-hans")
    assert (reader.quiet, reader.language) == (None, "en")
    assert (reader.speed["P1"], reader.repeat_minutes) == (60, 240)
    assert str(reader.zone) == "UTC"


def test_without_anything_a_channel_reads_in_utc_and_the_installations_language() -> (
    None
):
    reader = receiver_of({}, None, language="zh-hans")
    assert (reader.language, str(reader.zone), reader.quiet) == ("zh-hans", "UTC", None)


@pytest.mark.parametrize(
    ("priority", "now", "until", "why"),
    [
        ("P0", "2026-11-22T12:00:03", None, ""),
        ("P1", "2026-11-22T12:00:03", "2026-11-22T12:00:20", "grouping"),
        ("P1", "2026-11-22T12:00:20", "2026-11-22T12:01:20", "grouping"),
        ("P2", "2026-11-22T12:00:03", "2026-11-22T12:00:20", "digest"),
        ("P2", "2026-11-22T12:00:20", "2026-11-22T12:05:20", "digest"),
        ("P2", "2026-11-22T12:04:00", "2026-11-22T12:05:20", "digest"),
        ("P0", "2026-11-22T15:00:00", None, ""),
        ("P1", "2026-11-22T15:00:00", "2026-11-22T23:00:00", "quiet_hours"),
    ],
)
def test_a_message_waits_for_its_window_or_the_morning(
    priority: str, now: str, until: str | None, why: str
) -> None:
    reader = receiver_of({"quiet_hours": QUIET}, None, language="en")
    hold = reader.hold(priority, utc(now))
    assert (hold.until if hold else None) == (utc(until) if until else None)
    assert (hold.why if hold else "") == why


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)), st.integers(1, 3600))  # noqa: DTZ001 - made aware below
def test_a_window_ends_after_now_and_within_its_length(
    moment: datetime, seconds: int
) -> None:
    now = moment.replace(tzinfo=UTC)
    end = window_end(now, seconds)
    assert now < end <= now + timedelta(seconds=seconds)
    assert window_end(end - timedelta(milliseconds=1), seconds) == end


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {"P0": 0, "P1": 60, "P2": 300}),
        ({"speed": {"P1": 0}}, {"P0": 0, "P1": 0, "P2": 300}),
        ({"speed": {"P2": 3600.0}}, {"P0": 0, "P1": 60, "P2": 3600}),
        ({"speed": {"P2": None}}, {"P0": 0, "P1": 60, "P2": 300}),
    ],
)
def test_the_speed_is_read(config: dict[str, Any], expected: dict[str, int]) -> None:
    assert speed_read(config) == expected


@pytest.mark.parametrize(
    "speed",
    [[], {"P0": 5}, {"P1": 61}, {"P1": -1}, {"P1": True}, {"P2": "5"}, {"P2": 1.5}],
)
def test_a_wrong_speed_is_refused(speed: Any) -> None:
    with pytest.raises(ConfigurationError):
        speed_read({"speed": speed})


def test_reminders_may_be_turned_off() -> None:
    assert repeat_read({}) == 240
    assert repeat_read({"repeat_minutes": 0}) == 0
    with pytest.raises(ConfigurationError, match="'repeat_minutes'"):
        repeat_read({"repeat_minutes": 100_000})

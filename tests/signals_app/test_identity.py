"""Ids: the same meaning is the same id, and the id tells the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from signals_app.identity import Meaning, moment_of, signal_id
from tests.signals_app.factories import NOW, candidate

MEANING = Meaning("id:1", "binance", "BTC/USDT", "1m", "enter_long")


def test_an_id_is_a_version_8_uuid_of_the_rfc() -> None:
    identifier = signal_id(MEANING, NOW)

    assert identifier.version == 8
    assert identifier.variant == "specified in RFC 4122"


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001 - made aware below
)
def test_the_id_tells_the_moment_to_the_millisecond(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)

    found = moment_of(signal_id(MEANING, moment))

    assert found is not None
    assert timedelta() <= moment - found < timedelta(milliseconds=1)


def test_the_same_mark_on_the_same_candle_has_the_same_id_for_ever() -> None:
    # Written down: a change of the scheme would store everything twice.
    assert signal_id(MEANING, NOW) == UUID("01a1f8d3-ea00-8366-86d5-4e3d2e8b22a2")


def test_every_part_of_the_meaning_changes_the_id() -> None:
    ids = {signal_id(MEANING, NOW)}
    ids |= {
        signal_id(MEANING._replace(**{part: "other"}), NOW) for part in Meaning._fields
    }

    assert len(ids) == 6


def test_parts_cannot_run_into_each_other() -> None:
    one = Meaning("a", "bc", "d", "1m", "e")
    two = Meaning("ab", "c", "d", "1m", "e")

    assert signal_id(one, NOW) != signal_id(two, NOW)


def test_later_signals_sort_after_earlier_ones() -> None:
    moments = [NOW + timedelta(minutes=step) for step in range(50)]

    ids = [signal_id(MEANING, moment) for moment in moments]

    assert ids == sorted(ids)


def test_an_id_of_another_kind_tells_no_moment() -> None:
    assert moment_of(uuid4()) is None


def test_a_strategy_is_told_apart_by_its_row_and_not_by_its_name() -> None:
    assert (
        candidate(strategy_id=1, strategy_name="old").identifier
        == candidate(strategy_id=1, strategy_name="new").identifier
    )
    assert (
        candidate(strategy_id=None, strategy_name="1").identifier
        != candidate(strategy_id=1, strategy_name="1").identifier
    )

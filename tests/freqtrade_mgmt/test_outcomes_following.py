"""Which candles follow a signal and what is decided of them, as tables of cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from btc_watcher.lib.timeframes import duration
from freqtrade_mgmt.outcomes.deciding import (
    BEHIND,
    HOUR,
    LATE,
    MINUTE,
    REACH,
    deadline_of,
    decide,
    patience_of,
    pause_of,
)
from freqtrade_mgmt.outcomes.following import Window, opens_of, window_of
from signals_app.outcomes.judging import LONGEST, Bar, looks
from signals_app.outcomes.work import Work

CLOSED = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
START = int(CLOSED.timestamp() * 1000)
Row = list[float]


def work(timeframe: str = "5m", **changes: Any) -> Work:
    plain = Work(
        id=uuid4(),
        timestamp=CLOSED,
        strategy_id=1,
        strategy_name="mine",
        exchange="simulated",
        pair="BTC/USDT",
        timeframe=timeframe,
        signal_type="BUY",
        strength_level="strong",
        is_exit=False,
        price=100.0,
        tries=0,
        known=0,
    )
    return plain._replace(**changes)


def step(timeframe: str) -> int:
    return int(duration(timeframe).total_seconds() * 1000)


def candle(opened: int, close: float, volume: float = 5.0) -> Row:
    return [opened, close - 0.5, close + 1, close - 1, close, volume]


def frame(
    first: int, count: int, timeframe: str = "5m", start: int = START
) -> list[Row]:
    """Return candles number ``first`` on; number 0 opens when the signal's closed.

    Candle n closes at 101 + n: so a price tells which candle was looked at.
    """
    length = step(timeframe)
    return [candle(start + n * length, 101.0 + n) for n in range(first, first + count)]


def after(candles: float, timeframe: str = "5m", seconds: float = 10) -> datetime:
    """Return when so many candles have closed after the signal's, and some seconds."""
    return CLOSED + candles * duration(timeframe) + timedelta(seconds=seconds)


def window(
    rows: list[Row], now: datetime, base: str = "5m", wanted: str = "5m"
) -> Window:
    return window_of(rows, base, wanted, int(now.timestamp() * 1000))


def test_the_first_candle_opens_when_the_signals_closed() -> None:
    opens = opens_of(START, "5m")
    assert opens[0] == START
    assert opens[1] - opens[0] == 300_000
    assert len(opens) == LONGEST + 1


@pytest.mark.parametrize("timeframe", ["1m", "5m", "1h", "4h", "1d"])
def test_a_time_in_the_middle_of_a_candle_waits_for_the_next(timeframe: str) -> None:
    odd = START + 17_000
    opens = opens_of(odd, timeframe)
    assert opens[0] > odd
    assert opens[0] - odd <= step(timeframe)
    assert opens[0] % step(timeframe) == 0


def test_weeks_begin_on_monday_and_months_have_their_own_length() -> None:
    friday = START
    weeks = opens_of(friday, "1w")
    assert datetime.fromtimestamp(weeks[0] / 1000, UTC).isoformat() == (
        "2026-11-23T00:00:00+00:00"
    )
    months = [datetime.fromtimestamp(o / 1000, UTC) for o in opens_of(friday, "1M")]
    assert [m.strftime("%Y-%m-%d") for m in months[:4]] == [
        "2026-12-01",
        "2027-01-01",
        "2027-02-01",
        "2027-03-01",
    ]
    # Candles of three days begin where the exchange likes.
    midnight = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)
    three = opens_of(midnight, "3d")
    assert three[0] == midnight
    assert three[1] - three[0] == 3 * 86_400_000


@pytest.mark.parametrize("number", range(30))
def test_at_no_moment_is_a_candle_looked_at_that_has_not_closed(number: int) -> None:
    # The bot is so wrong as to give everything, the future included.
    everything = frame(-50, 200)
    for seconds in (0.0, 1.0, 150.0, 299.0):
        now = after(number, seconds=seconds)

        verdict = decide(work(), window(everything, now), "", now)

        assert len(verdict.bars) == min(number, LONGEST)
        for place, bar in enumerate(verdict.bars):
            assert bar == Bar(102.0 + place, 100.0 + place, 101.0 + place)


def test_the_candle_of_the_signal_itself_is_never_looked_at() -> None:
    now = after(1)
    rows = [candle(START - 300_000, 9_999.0), *frame(0, 1)]

    verdict = decide(work(), window(rows, now), "", now)

    assert looks(100.0, "BUY", verdict.bars)[1].best == 2.0


def test_a_look_waits_for_the_next_horizon() -> None:
    now = after(1)
    verdict = decide(work(), window(frame(-3, 4), now), "", now)
    assert len(verdict.bars) == 1
    assert verdict.due == after(4, seconds=BEHIND / 1000)
    assert not verdict.in_vain

    now = after(4)
    verdict = decide(work(known=1), window(frame(-3, 7), now), "", now)
    assert verdict.due == after(24, seconds=BEHIND / 1000)


def test_the_last_look_comes_one_candle_after_the_last() -> None:
    now = after(24)
    verdict = decide(work(known=4), window(frame(-3, 27), now), "", now)
    assert len(verdict.bars) == 24
    assert verdict.due == after(25, seconds=BEHIND / 1000)

    now = after(25)
    final = decide(work(known=24), window(frame(-3, 28), now), "", now)
    assert (final.due, len(final.bars), final.reason) == (None, 24, "")


def test_old_signals_are_final_at_once() -> None:
    now = after(300)
    verdict = decide(work(), window(frame(-3, 303), now), "", now)
    assert (verdict.due, len(verdict.bars)) == (None, 24)


def test_a_missing_candle_is_waited_for_and_then_a_gap() -> None:
    rows = [row for row in frame(-3, 30) if row[0] != START + 600_000]
    now = after(4)
    early = decide(work(known=1), window(rows, now), "", now)
    assert len(early.bars) == 2
    assert (early.reason, early.in_vain) == (LATE, True)
    assert early.due == now + timedelta(seconds=15)

    now = after(3, seconds=patience_of("5m") / 1000)
    late = decide(work(known=1), window(rows, now), "", now)
    assert late.bars[2] is None
    assert late.bars[3] == Bar(105.0, 103.0, 104.0)


def test_a_candle_that_nobody_has_followed_is_no_gap_yet() -> None:
    # An outage: the bot's newest candle is old, whatever our clock says.
    now = after(20)
    verdict = decide(work(), window(frame(-3, 5), now), "", now)
    assert len(verdict.bars) == 2
    assert verdict.reason == LATE


def test_a_candle_without_trade_is_a_gap() -> None:
    rows = frame(-3, 40)
    rows[4] = [rows[4][0], *[101.0] * 4, 0.0]
    # One in which the price moved was traded in, whatever its volume.
    rows[5][5] = 0.0
    now = after(36)

    verdict = decide(work(), window(rows, now), "", now)

    assert verdict.bars[1] is None
    assert verdict.bars[2] == Bar(104.0, 102.0, 103.0)


def test_what_is_older_than_the_frame_is_gone() -> None:
    now = after(2_000)
    gone = decide(work(), window(frame(1_000, 1_000), now), "", now)
    assert (gone.due, gone.reason) == (None, REACH)
    assert not any(gone.bars)

    torn = decide(work(), window(frame(10, 1_000), now), "", now)
    assert torn.bars[:10] == [None] * 10
    assert torn.bars[10] == Bar(112.0, 110.0, 111.0)
    assert torn.due is None


def test_without_a_bot_it_is_tried_with_growing_pauses_and_given_up() -> None:
    now = after(4)
    first = decide(work(known=1), None, "silent", now)
    assert (first.reason, first.in_vain) == ("silent", True)
    assert first.due == now + timedelta(seconds=15)
    later = decide(work(known=1, tries=3), None, "silent", now)
    assert later.due == now + timedelta(seconds=120)

    end = deadline_of(opens_of(START, "5m")[LONGEST], "5m")
    moment = datetime.fromtimestamp(end / 1000, UTC)
    before = decide(work(tries=9), None, "stopped", moment - timedelta(seconds=1))
    assert before.due is not None
    after_it = decide(work(tries=9), None, "stopped", moment)
    assert (after_it.due, after_it.reason, list(after_it.bars)) == (None, "stopped", [])


def test_without_a_bot_nothing_is_asked_before_a_candle_closes() -> None:
    now = after(2)
    verdict = decide(work(known=1), None, "silent", now)
    assert verdict.due == after(4, seconds=BEHIND / 1000)
    assert not verdict.in_vain


def test_what_is_known_is_final_also_when_the_bot_has_gone_since() -> None:
    verdict = decide(work(known=24), None, "stopped", after(25))
    assert (verdict.due, verdict.reason) == (None, "")


@pytest.mark.parametrize("timeframe", ["1m", "5m", "1h", "4h", "1d", "1w", "1M"])
def test_every_wait_is_bounded(timeframe: str) -> None:
    assert max(pause_of(n, timeframe) for n in range(1_001)) <= HOUR
    assert 10 * MINUTE <= patience_of(timeframe) <= 6 * HOUR
    last = opens_of(START, timeframe)[LONGEST]
    assert 24 * HOUR <= deadline_of(last, timeframe) - last <= 30 * 24 * HOUR


def test_longer_candles_are_made_of_whole_ones_only() -> None:
    rows = frame(-6, 40)
    del rows[20]  # candle 14, in the second quarter of an hour after the hour
    now = after(34)

    found = window(rows, now, "5m", "15m")

    quarter = 900_000
    assert found.bars[START] == Bar(104.0, 100.0, 103.0)
    assert START + 4 * quarter not in found.bars
    assert START + 5 * quarter in found.bars
    # Candles 33 to 35 are one whose end has not come.
    assert START + 11 * quarter not in found.bars
    assert found.first == START - 2 * quarter
    verdict = decide(work("15m"), found, "", now)
    assert len(verdict.bars) == 11


def test_the_beginning_of_a_frame_may_be_torn() -> None:
    rows = frame(1, 30)
    now = after(30)
    found = window(rows, now, "5m", "15m")
    assert found.first == START + 900_000
    assert START not in found.bars
    assert decide(work("15m"), found, "", now).bars[0] is None


def test_a_frame_without_closed_candles_says_nothing() -> None:
    now = CLOSED
    found = window(frame(0, 3), now)
    assert found.bars == {}
    assert decide(work(), found, "", after(1)).bars != [None]

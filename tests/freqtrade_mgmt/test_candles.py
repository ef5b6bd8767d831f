"""Longer candles from shorter ones, how long frames are kept, and whom to ask."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from btc_watcher.lib.timeframes import bucket_start, next_start
from freqtrade_mgmt.candles.lifetime import BEHIND_MS, is_behind, kept_ms, lifetime_ms
from freqtrade_mgmt.candles.resample import Ohlcv, derived, divides, resample
from freqtrade_mgmt.candles.sources import Source, sources_ranked

MINUTE = 60_000


def at(text: str) -> int:
    """Return a moment of UTC in milliseconds since 1970."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOON = at("2026-11-20 12:00")


def minutes(first: int, *prices: tuple[float, float, float, float]) -> list[Ohlcv]:
    return [
        Ohlcv(first + number * MINUTE, *four, volume=number + 1.0)
        for number, four in enumerate(prices)
    ]


def flat(first: int, count: int) -> list[Ohlcv]:
    return minutes(first, *[(1.0, 2.0, 0.5, 1.5)] * count)


def test_a_bucket_opens_with_its_first_and_closes_with_its_last_candle() -> None:
    base = minutes(NOON, (10, 12, 9, 11), (11, 15, 10, 14), (14, 14.5, 8, 13))

    (made,) = resample(base, "1m", "3m")

    assert made == Ohlcv(NOON, 10, 15, 8, 13, 6.0, closed=True)


@pytest.mark.parametrize(
    ("first", "count", "opens", "closed"),
    [
        # Whole buckets only.
        (NOON, 10, [0, 5], True),
        # The end is still forming: it is given, and marked.
        (NOON, 12, [0, 5, 10], False),
        (NOON, 1, [0], False),
        # The frame begins in the middle of a bucket, which is left out.
        (NOON + 2 * MINUTE, 8, [5], True),
        (NOON + 2 * MINUTE, 9, [5, 10], False),
        # Nothing but a torn beginning.
        (NOON + MINUTE, 4, [], None),
        (NOON, 0, [], None),
    ],
)
def test_buckets_are_whole_or_marked(
    first: int, count: int, opens: list[int], closed: bool | None
) -> None:
    made = resample(flat(first, count), "1m", "5m")

    assert [(candle.open_ms - NOON) // MINUTE for candle in made] == opens
    assert [candle.closed for candle in made[:-1]] == [True] * max(0, len(made) - 1)
    if made:
        assert made[-1].closed is closed


def test_a_hole_in_the_middle_makes_a_thinner_bucket_and_no_other() -> None:
    base = [candle for candle in flat(NOON, 15) if candle.open_ms != NOON + 7 * MINUTE]

    made = resample(base, "1m", "5m")

    assert [candle.open_ms for candle in made] == [
        NOON + n * 5 * MINUTE for n in range(3)
    ]
    assert [candle.volume for candle in made] == [15.0, 32.0, 65.0]
    assert all(candle.closed for candle in made)


def test_the_same_timeframe_is_given_as_it_is() -> None:
    base = flat(NOON + MINUTE, 3)
    assert resample(base, "1m", "1m") == base


@pytest.mark.parametrize(
    ("moment", "timeframe", "start", "end"),
    [
        ("2026-11-20 12:34", "5m", "2026-11-20 12:30", "2026-11-20 12:35"),
        ("2026-11-20 12:34", "1h", "2026-11-20 12:00", "2026-11-20 13:00"),
        ("2026-11-20 15:59", "4h", "2026-11-20 12:00", "2026-11-20 16:00"),
        ("2026-11-20 23:59", "1d", "2026-11-20 00:00", "2026-11-21 00:00"),
        # 16 November 2026 is a Monday.
        ("2026-11-22 23:59", "1w", "2026-11-16 00:00", "2026-11-23 00:00"),
        ("2026-11-23 00:00", "1w", "2026-11-23 00:00", "2026-11-30 00:00"),
        ("2026-12-31 23:00", "1M", "2026-12-01 00:00", "2027-01-01 00:00"),
        ("2028-02-29 01:00", "1M", "2028-02-01 00:00", "2028-03-01 00:00"),
    ],
)
def test_candles_are_aligned_to_utc(
    moment: str, timeframe: str, start: str, end: str
) -> None:
    assert bucket_start(at(moment), timeframe) == at(start)
    assert next_start(at(moment), timeframe) == at(end)


@pytest.mark.parametrize(
    ("base", "wanted", "fits"),
    [
        ("1m", "5m", True),
        ("5m", "5m", True),
        ("5m", "1m", False),
        ("3m", "5m", False),
        ("15m", "1h", True),
        ("4h", "1d", True),
        ("1d", "1w", True),
        ("1d", "1M", False),
        ("1M", "1M", True),
    ],
)
def test_only_what_divides_can_be_made_longer(
    base: str, wanted: str, fits: bool
) -> None:
    assert divides(base, wanted) is fits


def test_a_page_offers_what_can_be_made_and_no_more() -> None:
    assert derived(["1h"]) == ["1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w"]
    assert derived(["5m", "7m"])[:4] == ["5m", "7m", "15m", "30m"]
    assert derived([]) == []


@pytest.mark.parametrize(
    ("timeframe", "seconds"),
    [
        ("1m", 60),
        ("3m", 90),
        ("5m", 150),
        ("15m", 450),
        ("30m", 900),
        ("1h", 1800),
        ("4h", 7200),
        ("1d", 43_200),
    ],
)
def test_frames_are_kept_as_the_specification_says(
    timeframe: str, seconds: int
) -> None:
    assert kept_ms(timeframe) == seconds * 1000


@pytest.mark.parametrize(
    ("timeframe", "newest", "now", "lifetime_s"),
    [
        # Just closed and there: as long as the timeframe allows.
        ("1m", "11:59", "12:00", 60),
        ("5m", "11:55", "12:00", 150),
        ("1h", "11:00", "12:00", 1800),
        # Never beyond the next close.
        ("5m", "11:55", "12:04", 60),
        ("1h", "11:00", "12:50", 600),
        ("1m", "11:59", "12:00:30", 30),
        # A candle has closed that the bot does not have yet.
        ("5m", "11:50", "12:00", BEHIND_MS / 1000),
        ("1h", "06:00", "12:00", BEHIND_MS / 1000),
    ],
)
def test_a_frame_lives_until_the_next_close_at_most(
    timeframe: str, newest: str, now: str, lifetime_s: float
) -> None:
    newest_ms, now_ms = at(f"2026-11-20 {newest}"), at(f"2026-11-20 {now}")
    assert lifetime_ms(timeframe, newest_ms, now_ms) == lifetime_s * 1000


def test_an_empty_frame_is_behind() -> None:
    assert is_behind("5m", None, NOON)
    assert not is_behind("5m", NOON - 5 * MINUTE, NOON)


def source(number: int, timeframe: str, **changes: str) -> Source:
    return Source(
        strategy_id=number,
        name=f"s{number}",
        status="running",
        exchange=changes.get("exchange", "binance"),
        pairs=(changes.get("pair", "BTC/USDT"),),
        timeframe=timeframe,
    )


def test_whoever_watches_the_pair_in_fitting_candles_may_be_asked() -> None:
    wanted = source(5, "5m")
    sources = [
        source(1, "5m", exchange="okx"),
        source(2, "5m", pair="ETH/USDT"),
        source(3, "15m"),
        source(4, "5m"),
        wanted,
        source(6, "1h"),
        source(7, "4h"),
    ]

    def ranked(timeframe: str) -> list[int]:
        found = sources_ranked(sources, wanted, "BTC/USDT", timeframe)
        return [one.strategy_id for one in found]

    assert ranked("5m") == [5, 4]
    # Longer candles reach back further.
    assert ranked("1h") == [6, 3, 5, 4]
    assert ranked("1m") == []

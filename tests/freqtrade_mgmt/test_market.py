"""The simulated market: candles as a pure function of seed, symbol and minute."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.simulator.market import (
    DAY_MS,
    HOUR_MS,
    INTERVALS_MS,
    LISTED_MS,
    MINUTE_MS,
    Market,
    aggregate,
    open_time,
)
from freqtrade_mgmt.simulator.pairs import DEFAULT_PAIRS, Pair
from freqtrade_mgmt.simulator.walk import day_of_minutes

if TYPE_CHECKING:
    from freqtrade_mgmt.simulator.market import Candle

NOW = int(datetime(2026, 11, 22, 12, 34, 56, 789_000, tzinfo=UTC).timestamp() * 1000)


def minutes(market: Market, count: int, *, now: int = NOW) -> list[Candle]:
    return market.candles("BTCUSDT", MINUTE_MS, now - count * MINUTE_MS, now, now)


def test_two_markets_of_one_seed_agree_to_the_last_digit() -> None:
    assert minutes(Market(["BTC/USDT"], seed=7), 3000) == minutes(
        Market(DEFAULT_PAIRS, seed=7), 3000
    )


def test_another_seed_gives_another_history() -> None:
    assert minutes(Market(["BTC/USDT"], seed=1), 10) != minutes(
        Market(["BTC/USDT"], seed=2), 10
    )


def test_history_does_not_depend_on_what_was_asked_before() -> None:
    fresh, used = Market(["BTC/USDT"]), Market(["BTC/USDT"])
    for days in range(100):
        used.candles("BTCUSDT", HOUR_MS, NOW - days * DAY_MS, NOW - days * DAY_MS, NOW)
    assert minutes(used, 50) == minutes(fresh, 50)


@pytest.mark.parametrize("interval", [name for name in INTERVALS_MS if name != "1m"])
@pytest.mark.parametrize("ago_ms", [0, 9 * DAY_MS + 7 * HOUR_MS + 123])
def test_a_long_candle_is_exactly_the_aggregate_of_its_minutes(
    interval: str, ago_ms: int
) -> None:
    market, length = Market(["BTC/USDT"]), INTERVALS_MS[interval]
    start = open_time(NOW - ago_ms, length)
    [candle] = market.candles("BTCUSDT", length, start, start, NOW)
    its_minutes = market.candles(
        "BTCUSDT", MINUTE_MS, start, start + length - MINUTE_MS, NOW
    )
    assert candle == aggregate(its_minutes)
    assert len(its_minutes) == (min(start + length - 1, NOW) - start) // MINUTE_MS + 1


def test_each_candle_opens_where_the_last_one_closed_over_midnight_too() -> None:
    candles = minutes(Market(["BTC/USDT"]), 3 * 24 * 60)
    assert all(
        later.open == earlier.close and later.time == earlier.time + MINUTE_MS
        for earlier, later in pairwise(candles)
    )


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    name=st.sampled_from(DEFAULT_PAIRS),
    day=st.integers(LISTED_MS // DAY_MS, LISTED_MS // DAY_MS + 3650),
)
def test_every_minute_of_any_day_is_a_possible_candle(
    seed: int, name: str, day: int
) -> None:
    pair = Pair.named(name)
    candles = day_of_minutes(seed, pair, day)
    assert len(candles) == 1440
    for candle in candles:
        assert 0 < candle.low <= min(candle.open, candle.close)
        assert max(candle.open, candle.close) <= candle.high
        assert candle.volume > 0
        assert candle.trades > 0
    price = candles[0].open / 10**pair.decimals
    assert pair.price / 2 < price < pair.price * 2


def test_the_forming_candle_moves_from_its_open_to_its_close() -> None:
    market = Market(["BTC/USDT"])
    start = open_time(NOW, MINUTE_MS)
    closed = minutes(market, 1, now=start + MINUTE_MS)[0]
    seen = [
        market.candles("BTCUSDT", MINUTE_MS, start, start, start + ms)[0]
        for ms in (0, 30_000, 59_999)
    ]
    assert seen[0].close == seen[0].open == closed.open
    assert abs(seen[2].close - closed.close) <= 1
    for candle in seen:
        assert closed.low <= candle.low <= candle.close <= candle.high <= closed.high
    assert [candle.volume for candle in seen] == sorted(
        candle.volume for candle in seen
    )


def test_nothing_of_the_future_is_told() -> None:
    candles = Market(["BTC/USDT"]).candles(
        "BTCUSDT", MINUTE_MS, NOW - HOUR_MS, NOW + DAY_MS, NOW
    )
    assert candles[-1].time == open_time(NOW, MINUTE_MS)


def test_there_is_no_candle_before_the_listing() -> None:
    candles = Market(["BTC/USDT"]).candles("BTCUSDT", DAY_MS, 0, NOW, LISTED_MS + 5)
    assert [candle.time for candle in candles] == [LISTED_MS]


def test_a_week_opens_on_monday() -> None:
    week = open_time(NOW, INTERVALS_MS["1w"])
    assert datetime.fromtimestamp(week / 1000, UTC).isoweekday() == 1


def test_the_character_of_the_market_changes_within_the_hour() -> None:
    moves = [
        abs(candle.close - candle.open) / candle.open
        for candle in minutes(Market(["BTC/USDT"]), 1440)
    ]
    quarters = [sum(moves[at : at + 15]) for at in range(0, 1440, 15)]
    assert max(quarters) > 3 * min(quarters)


def test_the_24_hour_window_is_the_aggregate_of_its_minutes() -> None:
    market = Market(["BTC/USDT"])
    start = open_time(NOW - DAY_MS, MINUTE_MS) + MINUTE_MS
    its_minutes = market.candles("BTCUSDT", MINUTE_MS, start, NOW, NOW)
    assert market.window("BTCUSDT", NOW) == aggregate(its_minutes)
    assert len(its_minutes) == 1440


def test_a_symbol_that_is_not_traded_is_an_error() -> None:
    with pytest.raises(KeyError):
        Market(["BTC/USDT"]).candles("ETHUSDT", MINUTE_MS, NOW, NOW, NOW)


@pytest.mark.parametrize("name", ["BTCUSDT", "btc/usdt", "BTC/", "/USDT", "A/B/C", ""])
def test_a_pair_of_another_form_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a pair") as error:
        Pair.named(name)
    assert repr(name) in error.value.message


def test_a_pair_that_nobody_listed_gets_a_price_of_its_own() -> None:
    first, second = Pair.named("AAA/USDT"), Pair.named("BBB/USDT")
    assert first == Pair.named("AAA/USDT")
    assert first.price != second.price
    assert len(DEFAULT_PAIRS) == len(set(DEFAULT_PAIRS)) == 20

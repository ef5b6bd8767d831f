"""From a bot's messages to candidates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from freqtrade_mgmt.supervisor.frames import (
    Candle,
    FrameError,
    Watched,
    candle_candidates,
    frame_candles,
    message_candles,
)
from signals_app.grading import StrengthRule

WATCHED = Watched(
    strategy_id=7, name="ema", version="v1.0", exchange="simulated", timeframe="1m"
)
OPEN_MS = 1_795_370_520_000
ROW = {
    "date": OPEN_MS,
    "open": 2991.95,
    "high": 2993.99,
    "low": 2989.28,
    "close": 2991.32,
    "volume": 28.42,
    "rsi": 45.66,
    "enter_tag": "ema_up",
    "enter_long": 1.0,
    "exit_tag": "",
    "exit_long": None,
}


def analyzed(row: dict[str, Any], timeframe: str = "1m") -> bytes:
    """Return an analyzed_df message as freqtrade sends it: JSON inside JSON."""
    value = {"columns": list(row), "index": [998], "data": [list(row.values())]}
    return orjson.dumps(
        {
            "type": "analyzed_df",
            "data": {
                "key": ["ETH/USDT", timeframe, "spot"],
                "df": {
                    "__type__": "dataframe",
                    "__value__": orjson.dumps(value).decode(),
                },
                "la": "2026-11-22T18:03:37.037347+00:00",
            },
        }
    )


def marked(**changes: Any) -> Candle:
    return Candle("ETH/USDT", OPEN_MS, ROW | changes)


def test_a_message_becomes_one_candle() -> None:
    (candle,) = message_candles(analyzed(ROW), "1m")

    assert (candle.pair, candle.open_ms) == ("ETH/USDT", OPEN_MS)


@pytest.mark.parametrize(
    "text",
    [
        b'{"type":"whitelist","data":["BTC/USDT"]}',
        b'{"type":"entry","pair":"ETH/USDT"}',
        analyzed(ROW, timeframe="5m"),
    ],
)
def test_other_messages_and_other_timeframes_are_passed_over(text: bytes) -> None:
    assert message_candles(text, "1m") == []


def test_the_signal_carries_the_close_time_of_its_candle() -> None:
    (candidate,) = candle_candidates(marked(), WATCHED, "live")

    opened = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=OPEN_MS)
    assert candidate.timestamp == opened + timedelta(minutes=1)
    assert (candidate.mark, candidate.signal_type, candidate.price) == (
        "enter_long",
        "BUY",
        2991.32,
    )
    assert (candidate.tag, candidate.indicators) == ("ema_up", {"rsi": 45.66})


@pytest.mark.parametrize("value", [None, 0, 0.0, 2, "1", float("nan")])
def test_only_one_is_a_mark(value: object) -> None:
    assert candle_candidates(marked(enter_long=value), WATCHED, "live") == []


def test_an_absent_column_is_no_mark() -> None:
    row = {key: value for key, value in ROW.items() if key != "enter_long"}

    assert candle_candidates(Candle("ETH/USDT", OPEN_MS, row), WATCHED, "live") == []


def test_entry_and_exit_on_one_candle_are_one_hold() -> None:
    (candidate,) = candle_candidates(marked(exit_long=1), WATCHED, "live")

    assert (candidate.signal_type, candidate.mark) == ("HOLD", "enter_long+exit_long")


def test_marks_of_one_direction_are_signals_of_their_own() -> None:
    row = marked(enter_long=None, exit_long=1, enter_short=1)

    marks = [c.mark for c in candle_candidates(row, WATCHED, "live")]

    assert marks == ["exit_long", "enter_short"]


@pytest.mark.parametrize("price", [None, "high"])
def test_a_mark_without_a_price_is_told_with_pair_and_time(price: object) -> None:
    with pytest.raises(FrameError, match=r"ETH/USDT at .*enter_long but its close is"):
        candle_candidates(marked(close=price), WATCHED, "live")


def test_a_frame_without_dates_is_told() -> None:
    with pytest.raises(FrameError, match="ETH/USDT has no usable date"):
        frame_candles("ETH/USDT", ["close"], [[1.0]])


def test_a_message_without_a_frame_is_told() -> None:
    text = b'{"type":"analyzed_df","data":{"key":["ETH/USDT","1m","spot"]}}'

    with pytest.raises(FrameError, match="lacks 'df'"):
        message_candles(text, "1m")


def test_candles_of_a_request_have_written_dates_and_come_in_order() -> None:
    rows = [["2026-11-22T18:03:00Z", 2.0], ["2026-11-22T18:02:00Z", 1.0]]

    candles = frame_candles("ETH/USDT", ["date", "close"], rows)

    assert [candle.row["close"] for candle in candles] == [1.0, 2.0]
    assert candles[1].open_ms - candles[0].open_ms == 60_000


def test_a_nan_strength_falls_to_the_default_and_is_told() -> None:
    watched = Watched(
        strategy_id=7,
        name="ema",
        version="v1.0",
        exchange="simulated",
        timeframe="1m",
        strength=StrengthRule(default=30),
    )

    (candidate,) = candle_candidates(marked(signal_strength=None), watched, "live")

    assert (candidate.strength, candidate.strength_source) == (30, "default")
    assert "NaN" in candidate.problems[0]


def test_indicators_are_the_strategys_own_columns_in_bounds() -> None:
    many = {f"i{n}": float(n) for n in range(100)}

    (candidate,) = candle_candidates(
        marked(_enter_long_signal_close=1, note="n" * 999, **many), WATCHED, "live"
    )

    assert "close" not in candidate.indicators
    assert "_enter_long_signal_close" not in candidate.indicators
    assert len(candidate.indicators) == 60
    assert len(candidate.indicators["note"]) == 200

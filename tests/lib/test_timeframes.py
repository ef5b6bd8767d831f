"""Lengths of candles."""

from __future__ import annotations

import pytest

from btc_watcher.lib.timeframes import candle_seconds


@pytest.mark.parametrize(
    ("timeframe", "seconds"),
    [
        ("1m", 60),
        ("4h", 14_400),
        ("1d", 86_400),
        ("", None),
        ("0m", None),
        ("5x", None),
    ],
)
def test_the_length_of_a_candle(timeframe: str, seconds: int | None) -> None:
    assert candle_seconds(timeframe) == seconds

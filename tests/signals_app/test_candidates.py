"""What cannot be stored is told in a sentence that names the value."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from btc_watcher.lib.timeframes import duration
from signals_app.candidates import candidate_problem
from tests.signals_app.factories import NOW, candidate


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pair": "A" * 21}, "has 21 characters; 20 fit"),
        ({"pair": ""}, "pair is empty"),
        ({"pair": "BTC\x00/USDT"}, "NUL"),
        ({"strategy_name": "n" * 101}, "101 characters; 100 fit"),
        ({"strategy_version": "v" * 21}, "21 characters; 20 fit"),
        ({"signal_type": "LONG"}, "'LONG' is unknown; use BUY, SELL or HOLD"),
        ({"timeframe": "1x"}, "'1x' is not a timeframe"),
        ({"timeframe": "0m"}, "'0m' is not a timeframe"),
        ({"timestamp": NOW.replace(tzinfo=None)}, "has no zone"),
        ({"timestamp": NOW + timedelta(minutes=2)}, "is in the future"),
        ({"timestamp": NOW - timedelta(days=4000)}, "more than ten years ago"),
        ({"price": math.nan}, "Price nan"),
        ({"price": -1.0}, "Price -1.0"),
        ({"price": 0.0}, "Price 0.0"),
        ({"price": 1e13}, "Price 10000000000000.0"),
        ({"strength": 101.0}, "101 is outside 0 to 100"),
        ({"strength": math.nan}, "nan is outside 0 to 100"),
        ({"indicators": {"x": "\x00"}}, "NUL"),
        ({"tag": "\ud800"}, "cannot be written as JSON"),
        ({"indicators": {"x": "y" * 70_000}}, "65536 are allowed"),
    ],
)
def test_a_bad_candidate_is_refused_with_the_value(
    changes: dict[str, Any], words: str
) -> None:
    assert words in candidate_problem(candidate(**changes), NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"strategy_version": None},
        {"timestamp": NOW + timedelta(seconds=30)},
        {"timestamp": NOW - timedelta(days=3000)},
        {"price": 0.00000001},
        {"tag": "低吸", "indicators": {"结果": "多"}},
    ],
)
def test_a_good_candidate_has_no_problem(changes: dict[str, Any]) -> None:
    assert candidate_problem(candidate(**changes), NOW) == ""


@pytest.mark.parametrize(
    ("timeframe", "seconds"),
    [("1m", 60), ("15m", 900), ("4h", 14_400), ("1d", 86_400), ("1w", 604_800)],
)
def test_timeframes_have_a_length(timeframe: str, seconds: int) -> None:
    assert duration(timeframe).total_seconds() == seconds


@pytest.mark.parametrize(("age", "late"), [(120, False), (121, True), (0, False)])
def test_a_signal_is_late_after_two_candles(age: int, late: bool) -> None:
    moment = NOW - timedelta(seconds=age)

    assert candidate(timestamp=moment).is_late(NOW) is late

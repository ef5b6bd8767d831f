"""When rounds begin, what is first, where frames begin, and what needs a bot. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from freqtrade_mgmt.runner.detect import of_config, of_source
from freqtrade_mgmt.runner.order import first_open_ms, next_round, urgency

NOON = 1_795_435_200.0
CONFIG: dict[str, Any] = {
    "dry_run": True,
    "max_open_trades": 0,
    "pairlists": [{"method": "StaticPairList"}],
    "exchange": {"enable_ws": False},
}


@pytest.mark.parametrize(
    ("now", "started", "timeframes", "expected"),
    [
        # Every five seconds, while no candle closes.
        (10.5, 10, {"1m"}, 15),
        (10.5, 10, set(), 15),
        # Not before the exchange has the candle, and not later.
        (57, 56, {"1m"}, 61),
        (55.2, 55, {"1m"}, 60),
        (55.5, 55.4, {"1m"}, 61),
        (58, 57, {"5m"}, 62),
        (298, 297, {"5m", "1h"}, 301),
        # What took long is followed at once.
        (20, 10, {"1m"}, 20),
        # Whichever closes first.
        (298, 297, {"3m", "5m"}, 301),
    ],
)
def test_a_round_begins_when_a_bot_s_loop_would(
    now: float, started: float, timeframes: set[str], expected: float
) -> None:
    assert next_round(NOON + now, NOON + started, timeframes) == NOON + expected


def test_the_nearest_deadline_is_first() -> None:
    wanted = [(None, "5m"), (2.5, "1h"), (None, "1m"), (None, "1d"), (90, "1m")]
    ordered = sorted(wanted, key=lambda one: urgency(*one))
    assert ordered == [
        (2.5, "1h"),
        (None, "1m"),
        (90, "1m"),
        (None, "5m"),
        (None, "1d"),
    ]


def test_a_request_reaches_back_from_the_open_candle() -> None:
    minute = 60_000
    assert first_open_ms(10 * minute + 5, minute, 3) == 8 * minute
    assert first_open_ms(10 * minute, minute, 3) == 8 * minute


def test_what_only_watches_needs_no_bot() -> None:
    assert of_config(CONFIG) == ""


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({"freqai": {"enabled": True}}, "FreqAI"),
        ({"external_message_consumer": {"enabled": True}}, "producers"),
        ({"telegram": {"enabled": True}}, "messages"),
        ({"dry_run": False}, "real money"),
        ({"max_open_trades": 3}, "opens trades"),
        ({"exchange": {}}, "stream"),
        ({"exchange": {"enable_ws": False, "use_public_trades": True}}, "trades"),
        ({"pairlists": [{"method": "VolumePairList"}]}, "list of pairs"),
        ({"process_only_new_candles": False}, "process_only_new_candles"),
    ],
)
def test_a_configuration_that_needs_a_bot_is_told(
    extra: dict[str, Any], why: str
) -> None:
    assert why in of_config({**CONFIG, **extra})


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import threading", "threads or processes of its own (threading, line 1)"),
        ("from concurrent.futures import ProcessPoolExecutor", "(concurrent, line 1)"),
        ("def f(self):\n    return self.wallets.get_free('USDT')", "(wallets, line 2)"),
        ("def f(self):\n    return Trade.get_trades()", "(Trade, line 2)"),
        ("def f(self):\n    self.lock_pair('X/Y', None)", "(lock_pair, line 2)"),
        ("def f(self):\n    self.dp.get_producer_df('X/Y')", "producers"),
        ("def f(self):\n    df = self.freqai.start(df, m, self)", "FreqAI"),
        ("import talib\ntalib.set_unstable_period('EMA', 9)", "the whole process"),
        ("import os\nos.chdir('/')", "the whole process"),
    ],
)
def test_a_source_that_needs_a_bot_is_told_with_the_line(source: str, why: str) -> None:
    assert why in of_source(source)


@pytest.mark.parametrize(
    "source",
    [
        "from freqtrade.persistence import Trade",
        "def custom_exit(self, pair, trade: Trade, **k):\n    return self.wallets",
        "def confirm_trade_entry(self, **k):\n    return not Trade.get_open_trades()",
        "def populate(self, df):\n    df['trade_count'] = df['order'] = 1",
        "not python at all (",
    ],
)
def test_what_only_trades_would_call_needs_no_bot(source: str) -> None:
    assert of_source(source) == ""

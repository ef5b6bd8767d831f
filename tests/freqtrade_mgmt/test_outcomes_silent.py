"""Bots that hang keep nobody else's outcomes waiting."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from freqtrade_mgmt.candles.sources import Source
from freqtrade_mgmt.outcomes.windows import AT_ONCE, Market, Wanted, windows_read
from tests.freqtrade_mgmt.candle_bot import CandleBot, running, walk

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)
PAIR = "BTC/USDT"


def source_of(bot: CandleBot, status: str) -> Source:
    return Source(
        bot.strategy_id, bot.name, status, f"exchange{bot.strategy_id}", (PAIR,), "5m"
    )


def test_hung_bots_cost_one_deadline_together_and_the_rest_is_read(
    settings: Any, tmp_path: Path
) -> None:
    settings.BTCW_HOME = tmp_path
    hung, well = CandleBot(1), CandleBot(2)
    hung.delay = 60.0
    well.candles[PAIR] = walk(50, "5m")
    with running(hung), running(well):
        hung.write_folder(tmp_path)
        well.write_folder(tmp_path)
        # As many as nobody could wait for one after the other.
        sources = [
            Source(1, f"lost{n}", "error", f"lost{n}", (PAIR,), "5m")
            for n in range(AT_ONCE * 4)
        ]
        sources.append(source_of(well, "running"))
        oldest = well.candles[PAIR][-10][0]
        wanted = [
            Wanted(Market(each.exchange, PAIR, "5m"), oldest, each.strategy_id)
            for each in sources
        ]
        began = time.monotonic()
        reads = asyncio.run(windows_read(wanted, sources, altogether=2.0))
        took = time.monotonic() - began

    assert took < 15
    by_exchange = {market.exchange: read for market, read in reads.items()}
    assert by_exchange.pop("exchange2").window is not None
    assert {read.reason for read in by_exchange.values()} == {"error"}
    assert len(by_exchange) == AT_ONCE * 4

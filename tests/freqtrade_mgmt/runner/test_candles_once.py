"""Candles are fetched once for all strategies, and again when the exchange was out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from freqtrade_mgmt.simulator import SimulatedExchange
from tests.freqtrade_mgmt.runner.running import Face, RunningRunner, wait_until
from tests.freqtrade_mgmt.runner.sources import INFORMATIVE, plain, source

if TYPE_CHECKING:
    from pathlib import Path

    from freqtrade_mgmt.installer import InstalledFreqtrade

pytestmark = [pytest.mark.freqtrade, pytest.mark.timeout(600)]
MINUTE = 60
PAIRS = 2
# Two pairs of one, five and sixty minutes, and BTC/USDT of fifteen.
KEYS = 3 * PAIRS + 1


def newest(face: Face) -> int:
    """Return when the newest analysed candle opened, in seconds."""
    stamp: int = face.frame("BTC/USDT", 1)["data_stop_ts"]
    return stamp // 1000


def test_each_pair_and_timeframe_is_asked_for_once_and_again_after_an_outage(
    real_freqtrade: InstalledFreqtrade, tmp_path: Path
) -> None:
    (tmp_path / "runner").mkdir()
    with (
        SimulatedExchange() as exchange,
        RunningRunner(real_freqtrade.python, tmp_path / "runner") as runner,
    ):
        # Within one minute, and not in one that ends five.
        wait_until(lambda: time.time() % MINUTE < 20 and time.time() % 300 < 200, 190)
        codes = (plain(5), plain(9), source(INFORMATIVE))
        faces = [
            Face.made(tmp_path / str(n), exchange.url, code, "Mine", strategy_id=n)
            for n, code in enumerate(codes, 1)
        ]
        for face in faces:
            assert runner.load(face)["ok"]
        for face in faces:
            wait_until(face.analysed, 60, runner.log)
        assert exchange.hits["klines"] == KEYS
        assert exchange.hits["exchangeInfo"] == 1
        before = newest(faces[0])
        wait_until(lambda: all(newest(face) > before for face in faces), 90, runner.log)
        assert exchange.hits["klines"] == KEYS + PAIRS
        # Out while a candle closes, and some seconds more.
        exchange.set_fault("500")
        before = newest(faces[0])
        wait_until(lambda: time.time() > before + 2 * MINUTE + 8, 90)
        assert all(newest(face) == before for face in faces)
        exchange.set_fault(None)
        wait_until(lambda: all(newest(face) > before for face in faces), 40, runner.log)
        assert [runner.told(n)["state"] for n in (1, 2, 3)] == ["running"] * 3

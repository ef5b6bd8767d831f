"""Candles for charts: read from bots, made longer where wanted, kept for a while."""

from __future__ import annotations

from freqtrade_mgmt.candles.reader import CandlesRead, candles_read

__all__ = ["CandlesRead", "candles_read"]

"""A picture of the candles around a signal, for messages."""

from __future__ import annotations

from freqtrade_mgmt.pictures.of_signal import picture_of_signal

__all__ = ["picture_of_signal"]

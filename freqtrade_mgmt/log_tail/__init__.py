"""The end of a bot's logs, live: one reader a bot and process, whoever looks on."""

from __future__ import annotations

from freqtrade_mgmt.log_tail.hub import tail_of

__all__ = ["tail_of"]

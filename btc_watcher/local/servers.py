"""The two embedded servers, under one name."""

from __future__ import annotations

from btc_watcher.local.embedded import ServerError
from btc_watcher.local.postgres import EmbeddedPostgres
from btc_watcher.local.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedValkey", "ServerError"]

"""The list of strategies in Django's cache, under one key."""

from __future__ import annotations

from typing import Any, Final

from django.core.cache import cache

LIST_KEY: Final = "strategies:list"
LIST_SECONDS: Final = 300
# Redis outlives an update of ours: count up when the rows get other fields.
LIST_SHAPE: Final = 1


def listed_get() -> list[dict[str, Any]] | None:
    """Return the cached rows; None when there are none or Redis is away."""
    rows = cache.get(LIST_KEY, version=LIST_SHAPE)
    return rows if isinstance(rows, list) else None


def listed_set(rows: list[dict[str, Any]]) -> None:
    """Keep the rows for five minutes."""
    cache.set(LIST_KEY, rows, LIST_SECONDS, version=LIST_SHAPE)


def listed_forget() -> None:
    """Drop the rows, because a strategy has changed."""
    cache.delete(LIST_KEY, version=LIST_SHAPE)

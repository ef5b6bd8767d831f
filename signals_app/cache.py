"""Statistics of outcomes and counts of a day, in Django's cache."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

from django.core.cache import cache

KEPT_SECONDS: Final = 60
DAY_SECONDS: Final = 8
# Redis outlives an update of ours: count up when the figures change their shape.
SHAPE: Final = 1


def statistics_get(question: str) -> dict[str, Any] | None:
    """Return what was kept; None when it is too old or Redis is away."""
    kept = cache.get(_key(question), version=SHAPE)
    return kept if isinstance(kept, dict) else None


def statistics_set(question: str, figures: dict[str, Any]) -> None:
    """Keep figures for a minute."""
    cache.set(_key(question), figures, KEPT_SECONDS, version=SHAPE)


def day_get(since: str) -> list[Any] | None:
    """Return the counts of the day that began at ``since``; None when there are none."""
    kept = cache.get(f"signals:day:{since}", version=SHAPE)
    return kept if isinstance(kept, list) else None


def day_set(since: str, rows: list[Any]) -> None:
    """Keep the counts of a day for some seconds."""
    cache.set(f"signals:day:{since}", rows, DAY_SECONDS, version=SHAPE)


def _key(question: str) -> str:
    return f"outcomes:{blake2b(question.encode(), digest_size=16).hexdigest()}"

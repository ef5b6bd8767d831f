"""Ids of signals: deterministic, so that nothing is stored twice, and ordered by time.

An id is a version 8 UUID (RFC 9562): 48 bits of the signal's timestamp in
milliseconds, then 74 bits of a hash of what the signal means. The same mark on
the same candle always has the same id, and the id tells the partition.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

VERSION = 8 << 76
VARIANT = 0b10 << 62
LOW_BITS = (1 << 62) - 1
MIDDLE_BITS = (1 << 12) - 1


class Meaning(NamedTuple):
    """What makes two signals the same: everything but the candle."""

    strategy: str
    exchange: str
    pair: str
    timeframe: str
    mark: str


def strategy_key(strategy_id: int | None, strategy_name: str) -> str:
    """Return the strategy's part of the identity: the row's id, else the given name."""
    return f"id:{strategy_id}" if strategy_id is not None else f"name:{strategy_name}"


def milliseconds(moment: datetime) -> int:
    """Return whole milliseconds since 1970 of an aware moment, rounded down."""
    return (moment - EPOCH) // MILLISECOND


def signal_id(meaning: Meaning, moment: datetime) -> uuid.UUID:
    """Return the id of the signal that means ``meaning`` at ``moment`` (aware)."""
    stamp = milliseconds(moment)
    text = "\x1f".join((*meaning, str(stamp)))
    digest = int.from_bytes(blake2b(text.encode(), digest_size=10).digest())
    number = (stamp & ((1 << 48) - 1)) << 80
    number |= VERSION | ((digest >> 62) & MIDDLE_BITS) << 64
    number |= VARIANT | (digest & LOW_BITS)
    return uuid.UUID(int=number)


def moment_of(identifier: uuid.UUID) -> datetime | None:
    """Return the timestamp inside an id (aware, UTC), or None when it has none."""
    if identifier.version != 8:
        return None
    return EPOCH + (identifier.int >> 80) * MILLISECOND

"""How channels are doing: what they sent, what failed, what their budget still allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from btc_watcher.lib.statements import rows_of
from notifications import cache
from notifications.services.targets import limits_of, receivers_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from notifications.budgets import Limit
    from notifications.models import NotificationChannel

LOOKED_BACK: Final = timedelta(days=31)
FAILED_COUNTED: Final = 999
# One step into the index on (channel_id, sent_at, status) for each channel.
LAST_SENT: Final = """
SELECT channel.id, (
    SELECT sent_at FROM notification_history AS row
    WHERE row.channel_id = channel.id AND row.status = 'sent' AND row.sent_at > %(since)s
    ORDER BY row.sent_at DESC LIMIT 1
) FROM unnest(%(channels)s::integer[]) AS channel (id)
"""
# A channel that is down may have failed many thousand times; so many are counted.
FAILED_TODAY: Final = """
SELECT channel.id, (
    SELECT count(*) FROM (
        SELECT FROM notification_history AS row
        WHERE row.channel_id = channel.id AND row.status = 'failed'
          AND row.sent_at >= %(today)s AND NOT row.metadata ? 'suppressed'
        LIMIT %(limit)s
    ) AS failed
) FROM unnest(%(channels)s::integer[]) AS channel (id)
"""


@dataclass(frozen=True, slots=True)
class Used:
    """Of ``most`` messages in ``seconds`` so many are used."""

    seconds: int
    most: int
    used: int

    @property
    def share(self) -> float:
        """The part that is used, 0 to 1 and above."""
        return self.used / self.most


def _tightness(used: Used) -> tuple[float, int]:
    # Of equals the longest window: what is full there stays full longest.
    return used.share, used.seconds


@dataclass(slots=True)
class Standing:
    """How a channel is doing.

    ``failed`` are today's, at most FAILED_COUNTED + 1. ``budget`` has one entry for
    each limit; it is empty without limits, and None when Redis does not know.
    """

    last_sent: datetime | None = None
    failed: int = 0
    quiet_until: datetime | None = None
    budget: list[Used] | None = field(default_factory=list)

    @property
    def tightest(self) -> Used | None:
        """The limit of which most is used."""
        return max(self.budget or (), key=_tightness, default=None)


def standings(
    channels: Sequence[NotificationChannel], *, now: datetime, today: datetime
) -> dict[int, Standing]:
    """Return how each channel is doing, by its id; ``today`` is when the day began.

    Two queries and two commands for Redis, whatever their number.
    """
    numbers = [channel.id for channel in channels]
    found = {number: Standing() for number in numbers}
    if not numbers:
        return found
    for number, moment in rows_of(
        LAST_SENT, {"channels": numbers, "since": now - LOOKED_BACK}
    ):
        found[number].last_sent = moment
    for number, count in rows_of(
        FAILED_TODAY,
        {"channels": numbers, "today": today, "limit": FAILED_COUNTED + 1},
    ):
        found[number].failed = count
    for number, reader in receivers_of(channels).items():
        found[number].quiet_until = reader.quiet.until(now) if reader.quiet else None
    for number, budget in _budgets(channels).items():
        found[number].budget = budget
    return found


def _budgets(channels: Sequence[NotificationChannel]) -> dict[int, list[Used] | None]:
    limits = {channel.id: limits_of(channel) for channel in channels}
    try:
        used = cache.budgets_used(limits)
    except cache.RedisError:
        return dict.fromkeys(limits)
    return {number: _used(limits[number], used[number]) for number in limits}


def _used(limits: Sequence[Limit], counts: list[int] | None) -> list[Used]:
    # What Redis does not know of has sent nothing since it began to count.
    counts = counts if counts is not None else [0] * len(limits)
    return [
        Used(limit.seconds, limit.most, count)
        for limit, count in zip(limits, counts, strict=True)
    ]

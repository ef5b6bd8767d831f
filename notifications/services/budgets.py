"""The budget of a channel: taken in Redis, rebuilt from the history when Redis forgot."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from btc_watcher.lib.statements import rows_of
from notifications import cache
from notifications.policy import BUDGET_BLIND, CLOCKS_APART
from notifications.receivers import Hold
from notifications.services.targets import limits_of

if TYPE_CHECKING:
    from datetime import datetime

    from notifications.models import NotificationChannel

logger = logging.getLogger(__name__)

# Every attempt counts, whatever became of it, and so does what is being sent or has
# been granted; what is claimed and has asked for nothing yet counts too, which can only
# be too careful. A row's own time may be far older than its newest attempt: quiet hours
# and retries together last less than three days. What lies ahead was stamped before the
# clock was set back.
OLDEST: Final = timedelta(days=3)
SENT_LATELY: Final = """
WITH told AS (
    SELECT (attempt ->> 'at')::timestamptz AS at
    FROM notification_history
    CROSS JOIN jsonb_array_elements(metadata -> 'attempts') AS attempt
    WHERE channel_id = %(channel)s AND sent_at > %(oldest)s
    UNION ALL
    SELECT (metadata ->> 'claimed_at')::timestamptz FROM notification_history
    WHERE channel_id = %(channel)s AND status IN ('pending', 'retry')
      AND metadata ? 'claim' AND NOT metadata ? 'granted_at' AND id <> %(own)s
    UNION ALL
    SELECT (metadata ->> 'granted_at')::timestamptz FROM notification_history
    WHERE channel_id = %(channel)s AND status IN ('pending', 'retry')
      AND metadata ? 'granted_at'
)
SELECT greatest(0, extract(epoch FROM %(now)s - at))::float8 FROM told
WHERE at > %(since)s AND at < %(future)s
"""


def budget_take(
    channel: NotificationChannel,
    priority: str,
    *,
    now: datetime,
    own: int = 0,
    force: bool = False,
) -> Hold | None:
    """Take one message out of the budget; return a Hold when there is nothing left.

    P0 may use all of it, the others leave a part for P0. ``own`` is the notification
    that asks, ``force`` takes one in any case. While Redis is away nothing is granted:
    waiting is better than a flood that makes the provider mute us.
    """
    limits = [each.for_priority(priority) for each in limits_of(channel)]
    if not limits:
        return None
    try:
        wait = cache.budget_take(channel.id, limits, force=force)
        if wait is None:
            longest = max(limit.seconds for limit in limits)
            ages = _ages(channel.id, longest, now, own)
            cache.budget_load(channel.id, ages, seconds=longest)
            wait = cache.budget_take(channel.id, limits, force=force)
    except cache.RedisError as error:
        # The text may hold the address with its password.
        logger.warning(
            "The budget of channel %s is not known without Redis (%s).",
            channel,
            type(error).__name__,
        )
        return None if force else Hold(now + BUDGET_BLIND, "budget")
    if wait is None:
        # Flushed again in between.
        wait = BUDGET_BLIND.total_seconds()
    return Hold(now + timedelta(seconds=wait), "budget") if wait and not force else None


def _ages(channel_id: int, longest: int, now: datetime, own: int) -> list[float]:
    parameters = {
        "channel": channel_id,
        "own": own,
        "now": now,
        "future": now + CLOCKS_APART,
        "since": now - timedelta(seconds=longest),
        "oldest": now - timedelta(seconds=longest) - OLDEST,
    }
    return [age for (age,) in rows_of(SENT_LATELY, parameters)]

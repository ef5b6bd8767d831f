"""Puts notification tasks into their queues without ever holding up the caller."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from celery import current_app
from kombu import pools
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from btc_watcher.lib.redis_keys import notifications_queue
from notifications.policy import chunks

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

logger = logging.getLogger(__name__)

DELIVER: Final = "notifications.tasks.deliver"
# One try within two seconds: whoever enqueues has stored the notifications
# already, and the sweeper finds those whose task is missing.
BROKER_OPTIONS: Final = {
    "socket_connect_timeout": 2,
    "socket_timeout": 3,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "connect_retries_timeout": 2,
}
REST_SECONDS: Final = 5.0
ERRORS: Final = (KombuError, RedisError, OSError)


@dataclass(slots=True)
class Rest:
    """After a failure the broker is left alone until ``until`` (monotonic)."""

    until: float = 0.0


rest = Rest()


@dataclass(frozen=True, slots=True)
class Queued:
    """A stored notification that wants a task."""

    id: int
    channel_id: int
    priority: str
    signal_id: UUID | None = None


def tasks_enqueue(queued: Iterable[Queued]) -> int:
    """Enqueue deliveries, grouped by channel and priority, P0 first.

    Returns the number of tasks; 0 when the broker is away, which is logged and
    never raised. After a failure the broker is not tried for some seconds.
    """
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    for item in queued:
        groups[item.priority, item.channel_id].append(item.id)
    if not groups:
        return 0
    if time.monotonic() < rest.until:
        logger.info(
            "The broker is away: %d groups are left to the sweeper.", len(groups)
        )
        return 0
    return _publish(
        (notifications_queue(priority), chunk)
        for priority, channel in sorted(groups)
        for chunk in chunks(groups[priority, channel], priority)
    )


def rest_enqueue(ids: list[int], queue: str) -> None:
    """Put the rest of a chunk at the end of the queue that it came from."""
    _publish([(queue, ids)])


def _publish(tasks: Iterable[tuple[str, list[int]]]) -> int:
    count = 0
    connection = current_app.connection_for_write(transport_options=BROKER_OPTIONS)
    try:
        with (
            pools.producers[connection].acquire(block=True, timeout=5) as producer,
            producer.batch(),
        ):
            for queue, ids in tasks:
                current_app.send_task(
                    DELIVER,
                    args=[ids],
                    queue=queue,
                    producer=producer,
                    retry=False,
                    ignore_result=True,
                )
                count += 1
    except ERRORS as error:
        rest.until = time.monotonic() + REST_SECONDS
        # The text of the error may hold the broker's address with its password.
        logger.warning(
            "Notifications could not be enqueued (%s); the sweeper will do it when"
            " Redis is back.",
            type(error).__name__,
        )
        return 0
    return count

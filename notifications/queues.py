"""Puts notification tasks into their queues without ever holding up the caller."""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from celery import current_app
from django.db import transaction
from django.utils import timezone
from kombu import pools
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from btc_watcher.lib.redis_keys import PRIORITIES, notifications_queue
from notifications.policy import FLUSH_EVERY, chunks
from notifications.written import Written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from uuid import UUID

logger = logging.getLogger(__name__)

DELIVER: Final = "notifications.tasks.deliver"
FLUSH: Final = "notifications.tasks.flush"
FAN_OUT: Final = "notifications.tasks.fan_out"
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
flushes_made: deque[datetime] = deque(maxlen=64)


@dataclass(frozen=True, slots=True)
class Queued:
    """A stored notification; one that is not held wants a task.

    ``sent_at`` is when its row was written, by which the history is cut.
    """

    id: int
    channel_id: int | None
    priority: str
    signal_id: UUID | None = None
    held: bool = False
    sent_at: datetime | None = None


class Task(NamedTuple):
    """A task for ``queue``, to be run at ``eta`` at the earliest."""

    name: str
    queue: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    eta: datetime | None = None
    headers: dict[str, Any] = {}


def tasks_enqueue(queued: Iterable[Queued]) -> int:
    """Enqueue deliveries of what is not held, by channel and priority, P0 first.

    Returns the number of tasks; 0 when the broker is away, which is logged and
    never raised. After a failure the broker is not tried for some seconds.
    """
    groups: dict[tuple[str, int], list[Queued]] = defaultdict(list)
    for item in queued:
        if not item.held:
            # One whose channel is gone is delivered as well: that is how it ends.
            priority = item.priority if item.priority in PRIORITIES else PRIORITIES[-1]
            groups[priority, item.channel_id or 0].append(item)
    return _publish_unless_away(
        [
            _delivery(
                [item.id for item in chunk],
                notifications_queue(priority),
                Written.of(item.sent_at for item in chunk),
            )
            for priority, channel in sorted(groups)
            for chunk in chunks(groups[priority, channel], priority)
        ]
    )


def deliver_after_commit(queued: Sequence[Queued]) -> None:
    """Enqueue the deliveries of ``queued`` when the transaction is committed."""
    if any(not each.held for each in queued):
        after_commit(partial(tasks_enqueue, queued))


def after_commit(enqueue: Callable[[], object]) -> None:
    """Call ``enqueue`` after the commit; its failure is logged and undoes nothing."""

    def enqueue_now() -> None:
        # Django names the function in its log, and a partial has no name.
        enqueue()

    transaction.on_commit(enqueue_now, robust=True)


def rest_enqueue(ids: list[int], queue: str, written: Written | None = None) -> None:
    """Put the rest of a chunk at the end of the queue that it came from."""
    _publish([_delivery(ids, queue, written)])


def _delivery(ids: list[int], queue: str, written: Written | None) -> Task:
    headers = written.headers() if written else {}
    return Task(DELIVER, queue, (ids,), headers=headers)


def flushes_enqueue(moments: Iterable[datetime]) -> int:
    """Have what is held until ``moments`` told at these very moments.

    A moment that this process has lately enqueued is not enqueued again.
    """
    queue = notifications_queue("P0")
    fresh = sorted(set(moments) - set(flushes_made))
    count = _publish_unless_away(
        [Task(FLUSH, queue, kwargs={"ahead": False}, eta=each) for each in fresh]
    )
    if count == len(fresh):
        flushes_made.extend(fresh)
    return count


def flush_soon(until: datetime) -> None:
    """Have what is held until ``until`` told within the second after it.

    Whole seconds are few, so thousands that wait for a budget share their flushes.
    """
    if until <= timezone.now() + FLUSH_EVERY:
        flushes_enqueue([until.replace(microsecond=0) + timedelta(seconds=1)])


def fan_out_enqueue(fan_out_id: int) -> int:
    """Have the other rows of a burst written."""
    return _publish_unless_away(
        [Task(FAN_OUT, notifications_queue("P0"), (fan_out_id,))]
    )


def _publish_unless_away(tasks: list[Task]) -> int:
    if not tasks:
        return 0
    if time.monotonic() < rest.until:
        logger.info("The broker is away: %d tasks are left to the sweeper.", len(tasks))
        return 0
    return _publish(tasks)


def _publish(tasks: Iterable[Task]) -> int:
    count = 0
    connection = current_app.connection_for_write(transport_options=BROKER_OPTIONS)
    try:
        with (
            pools.producers[connection].acquire(block=True, timeout=5) as producer,
            producer.batch(),
        ):
            for task in tasks:
                current_app.send_task(
                    task.name,
                    args=task.args,
                    kwargs=task.kwargs,
                    eta=task.eta,
                    queue=task.queue,
                    headers=task.headers,
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

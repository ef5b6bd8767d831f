"""Celery tasks: each calls one service."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from celery import shared_task
from django.utils import timezone

from btc_watcher.lib.redis_keys import notifications_queue
from notifications import services
from notifications.cache import queue_lengths
from notifications.queues import flushes_enqueue, rest_enqueue, tasks_enqueue
from notifications.written import Written

if TYPE_CHECKING:
    from celery import Task

logger = logging.getLogger(__name__)


@shared_task(bind=True, ignore_result=True)
def deliver(self: Task[..., None], ids: list[int]) -> None:
    """Deliver the notifications ``ids``; what takes too long goes to the queue's end.

    The task's headers say when their rows were written.
    """
    written = Written.read(self.request.headers)
    left = services.notifications_deliver(ids=ids, written=written)
    if left:
        delivery = self.request.delivery_info or {}
        queue = delivery.get("routing_key")
        rest_enqueue(left, str(queue or notifications_queue("P2")), written)


@shared_task(ignore_result=True)
def sweep() -> int:
    """Enqueue notifications that are due and have no task; return how many.

    Bursts whose fan-out has lost its task are written first.
    """
    now = timezone.now()
    for fan_out_id in services.fan_outs_overdue(now=now):
        try:
            fan_out(fan_out_id)
        except Exception:
            # Everything else must be swept up all the same.
            logger.exception("The fan-out %d could not be written.", fan_out_id)
    queued = services.notifications_sweep(lengths=queue_lengths(), now=now)
    if queued:
        tasks = tasks_enqueue(queued)
        logger.info("Swept up %d notifications into %d tasks.", len(queued), tasks)
    return len(queued)


@shared_task(ignore_result=True)
def flush(*, ahead: bool = True) -> int:
    """Tell what was held and is due; return how many notifications that makes.

    With ``ahead`` it also has those told at their moment that become due before its
    next run.
    """
    now = timezone.now()
    queued = services.notifications_flush(now=now)
    tasks_enqueue(queued)
    if ahead:
        flushes_enqueue(services.flush_moments(now=now))
    return len(queued)


@shared_task(ignore_result=True)
def fan_out(fan_out_id: int) -> int:
    """Write the other rows of a burst and enqueue those that are not held."""
    queued = services.fan_out_apply(fan_out_id=fan_out_id, now=timezone.now())
    tasks_enqueue(queued)
    return len(queued)


@shared_task(ignore_result=True)
def repeat_alerts() -> int:
    """Remind of what still is wrong; return how many notifications that makes."""
    queued = services.alerts_repeat(now=timezone.now())
    tasks_enqueue(queued)
    return len(queued)

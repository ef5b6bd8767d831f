"""Celery tasks: each calls one service."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from celery import shared_task
from django.utils import timezone

from btc_watcher.lib.redis_keys import notifications_queue
from notifications.cache import queue_lengths
from notifications.queues import rest_enqueue, tasks_enqueue
from notifications.services import notifications_deliver, notifications_sweep

if TYPE_CHECKING:
    from celery import Task

logger = logging.getLogger(__name__)


@shared_task(bind=True, ignore_result=True)
def deliver(self: Task[..., None], ids: list[int]) -> None:
    """Deliver the notifications ``ids``; what takes too long goes to the queue's end."""
    left = notifications_deliver(ids=ids)
    if left:
        delivery = self.request.delivery_info or {}
        queue = delivery.get("routing_key")
        rest_enqueue(left, str(queue or notifications_queue("P2")))


@shared_task(ignore_result=True)
def sweep() -> int:
    """Enqueue notifications that are due and have no task; return how many."""
    queued = notifications_sweep(lengths=queue_lengths(), now=timezone.now())
    if queued:
        tasks = tasks_enqueue(queued)
        logger.info("Swept up %d notifications into %d tasks.", len(queued), tasks)
    return len(queued)

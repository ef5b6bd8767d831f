"""Celery tasks: each calls one service."""

from __future__ import annotations

import logging
from threading import Semaphore
from typing import TYPE_CHECKING, Any, Final

from celery import shared_task
from django.utils import timezone

from btc_watcher.lib.errors import BtcWatcherError
from proxies.cache import claim_test, live_put, release_test
from proxies.queues import FOLLOWING, enqueue_test, follow_up_enqueue
from proxies.selectors import proxies_enabled, proxies_failing
from proxies.services import proxy_follow_up, proxy_test, proxy_test_many

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxies.models import Proxy, ProxyTest
    from proxies.services import Why

logger = logging.getLogger(__name__)

# A silent proxy holds a thread for its whole time-out, and notifications wait for one.
AT_ONCE: Final = 4
BUSY_SECONDS: Final = 3
slots: Final = Semaphore(AT_ONCE)
# Of the regular tests, which may take longer than until the next round.
ROUND: Final = "round"
ROUND_SECONDS: Final = 900


@shared_task(ignore_result=True)
def check_one(proxy_id: int, why: Why, left: int = FOLLOWING) -> bool:
    """Test one proxy, and again soon where that leaves a doubt; tell the page.

    While a worker tests as many as it may, others wait in the queue.
    """
    if not slots.acquire(blocking=False):
        enqueue_test(proxy_id, why, left=left, seconds=BUSY_SECONDS)
        return False
    try:
        return _check_one(proxy_id, why, left)
    finally:
        slots.release()


def _check_one(proxy_id: int, why: Why, left: int) -> bool:
    if why == "on_demand":
        release_test(proxy_id, why)
    at = timezone.now().isoformat()
    live_put(proxy_id, {"state": "running", "why": why, "at": at})
    try:
        test = proxy_test(proxy_id, why)
    except BtcWatcherError as error:
        logger.info("%s", error.message)
        live_put(proxy_id, {"state": "failed", "at": at, "message": error.message})
        return False
    live_put(proxy_id, told(test, why))
    follow_up_enqueue(proxy_id, proxy_follow_up(proxy_id), left)
    return test.success


@shared_task(ignore_result=True)
def check_all() -> dict[str, int]:
    """Test every proxy that is switched on; return how many and how many failed."""
    return _test(proxies_enabled(), "scheduled")


@shared_task(ignore_result=True)
def retry_failing() -> dict[str, int]:
    """Test those that are not well and due again; return the numbers."""
    return _test(proxies_failing(now=timezone.now()), "retry")


def told(test: ProxyTest, why: Why) -> dict[str, Any]:
    """Return a test as the page that waits for it reads it."""
    return {
        "state": "done",
        "why": why,
        "at": test.test_time.isoformat(),
        "test": test.pk,
        "success": test.success,
        "latency_ms": test.latency_ms,
        "failure": test.test_details["failure"],
        "message": test.error_message or "",
        "exit_address": test.test_details["exit_address"],
        "status": test.proxy.status if test.proxy else "",
    }


def _test(proxies: Iterable[Proxy], why: Why) -> dict[str, int]:
    ours = [each for each in proxies if claim_test(each.pk, ROUND, ROUND_SECONDS)]
    try:
        found = proxy_test_many(ours, why)
    finally:
        for each in ours:
            release_test(each.pk, ROUND)
    for proxy, _test_of_it in found:
        follow_up_enqueue(proxy.pk, proxy_follow_up(proxy.pk), FOLLOWING)
    failed = sum(not test.success for _proxy, test in found)
    if failed:
        logger.warning("%d of %d proxies failed their test.", failed, len(found))
    return {"tested": len(found), "failed": failed}

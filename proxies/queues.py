"""Puts tests into the queue without holding up the caller."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from celery import current_app
from kombu import pools
from kombu.exceptions import KombuError

from proxies.cache import RedisError, claim_test, release_test

if TYPE_CHECKING:
    from proxies.services import Why

logger = logging.getLogger(__name__)

TEST: Final = "proxies.tasks.check_one"
# One try within seconds: the regular test comes anyway.
BROKER_OPTIONS: Final = {
    "socket_connect_timeout": 2,
    "socket_timeout": 3,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "connect_retries_timeout": 2,
}
# Tests that follow one that left a doubt; then it is for the regular ones.
FOLLOWING: Final = 6
# A doubt that needs longer is for the regular retry.
LONGEST_WAIT: Final = 600
# Whoever waits for a test has gone by then.
EXPIRES: Final = 300
FOLLOW_UP: Final = "follow_up"


def enqueue_test(
    proxy_id: int, why: Why, *, left: int = FOLLOWING, seconds: float = 0
) -> bool:
    """Have a proxy tested in ``seconds``; False when the broker is away."""
    connection = current_app.connection_for_write(transport_options=BROKER_OPTIONS)
    try:
        with pools.producers[connection].acquire(block=True, timeout=5) as producer:
            current_app.send_task(
                TEST,
                args=(proxy_id, why, left),
                countdown=seconds or None,
                expires=seconds + EXPIRES,
                producer=producer,
                retry=False,
                ignore_result=True,
            )
    except (KombuError, RedisError, OSError) as error:
        # The text of the error may hold the broker's address with its password.
        logger.warning(
            "Proxy %d could not be given to a worker to be tested (%s).",
            proxy_id,
            type(error).__name__,
        )
        return False
    return True


def follow_up_enqueue(proxy_id: int, seconds: float | None, left: int) -> bool:
    """Have a proxy tested again in ``seconds`` unless that is on its way already."""
    if seconds is None or left <= 0 or seconds > LONGEST_WAIT:
        return False
    if not claim_test(proxy_id, FOLLOW_UP, seconds - 1):
        return False
    if enqueue_test(proxy_id, "retry", left=left - 1, seconds=seconds):
        return True
    release_test(proxy_id, FOLLOW_UP)
    return False

"""The way in for whoever wants a proxy tested soon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from proxies.cache import claim_test, live_put, release_test
from proxies.queues import EXPIRES, FOLLOWING, enqueue_test, follow_up_enqueue
from proxies.services import proxy_follow_up

if TYPE_CHECKING:
    from proxies.services import Why

# What many ask for at the same time is done once. A provider that is away makes every
# message through a proxy fail, which says little of the proxy. A test on demand ends its
# own pause when it begins: until then it will see whatever changes.
PAUSES: Final = {
    "assigned": 10,
    "retry": 60,
    "scheduled": 60,
    "on_demand": EXPIRES,
}


def proxy_test_soon(proxy_id: int, why: Why) -> None:
    """Have a proxy tested by a worker, after the transaction that goes on now.

    Call it for a proxy that was made or changed (on_demand), for one that somebody was
    given (assigned), and for one through which something failed (retry). The result
    is in ``proxies.cache.live_get`` and in the history. What is asked for once more for
    the same reason within seconds is left out; on demand, until the test begins.
    """

    def enqueue() -> None:
        # Django names the function in its log, and a partial has no name.
        _enqueue(proxy_id, why)

    transaction.on_commit(enqueue, robust=True)


def proxy_test_follow(proxy_id: int) -> None:
    """Have a proxy tested again where a test that was made without a worker left a doubt."""
    follow_up_enqueue(proxy_id, proxy_follow_up(proxy_id), FOLLOWING)


def _enqueue(proxy_id: int, why: Why) -> None:
    if not claim_test(proxy_id, why, PAUSES[why]):
        return
    at = timezone.now().isoformat()
    live_put(proxy_id, {"state": "waiting", "why": why, "at": at})
    if not enqueue_test(proxy_id, why):
        release_test(proxy_id, why)
        message = _("The queue of tasks is away, so nobody could be asked to test.")
        live_put(proxy_id, {"state": "failed", "at": at, "message": message})

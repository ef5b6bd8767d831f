"""Strategies, drafts and people for tests: plain ones, changed by keyword."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import close_old_connections, connection, connections

from accounts.models import User
from proxies.models import Proxy
from strategies.services import (
    draft_save,
    draft_trial_ask,
    strategy_create,
    trial_state_set,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from strategies.models import Strategy

Answer = TypeVar("Answer")

CODE = """class S(IStrategy):
    timeframe = "1m"
"""
CONFIG: dict[str, Any] = {
    "class_name": "S",
    "code": CODE,
    "exchange": "simulated",
    "pairs": ["BTC/USDT"],
    "timeframe": "1m",
}
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def person(name: str = "mei") -> User:
    """Return a stored user without any permission."""
    return User.objects.create_user(name, "Correct-horse-7", language="en")


def proxy(name: str = "Tokyo") -> Proxy:
    """Return a stored proxy."""
    return Proxy.objects.create(name=name, type="http", host="10.0.0.1", port=8080)


def strategy(name: str = "mine", **changes: Any) -> Strategy:
    """Return a stored strategy; ``config`` is added to the plain one."""
    config = CONFIG | changes.pop("config", {})
    return strategy_create(name=name, config=config, **changes)


def draft(name: str = "sketch", **changes: Any) -> Strategy:
    """Return a saved draft; ``config`` is added to the plain one."""
    plain: dict[str, Any] = {
        "by": None,
        "name": name,
        "freqtrade_config": {},
        "signal_thresholds": {},
    }
    config = CONFIG | changes.pop("config", {})
    return draft_save(**(plain | changes), config=config)


def tried(found: Strategy) -> Strategy:
    """Let a draft pass its trial."""
    draft_trial_ask(found.pk)
    assert trial_state_set(found.pk, "running")
    assert trial_state_set(found.pk, "passed")
    return found


def elsewhere(work: Callable[[], Answer]) -> Future[Answer]:
    """Begin ``work`` on a connection of its own; return when it waits for a lock.

    Call it inside a transaction whose locks ``work`` needs, and ask for the result
    after. Work that needs none of them is done when this returns.
    """
    thread = ThreadPoolExecutor(1)
    future = thread.submit(_with_own_connection, work)
    thread.shutdown(wait=False)
    deadline = time.monotonic() + 10
    while not future.done() and not _somebody_waits():
        assert time.monotonic() < deadline, "it neither ends nor waits for a lock"
        time.sleep(0.005)
    return future


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        # Within a transaction PostgreSQL would show the same picture again.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(WAITING)
        return bool(cursor.fetchall() != [(0,)])


def _with_own_connection(work: Callable[[], Answer]) -> Answer:
    close_old_connections()
    try:
        return work()
    finally:
        connections.close_all()

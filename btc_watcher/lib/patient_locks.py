"""Strong table locks without standing in everybody's way: wait briefly, retry."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final, TypeVar

from django.db import OperationalError, connections, transaction
from psycopg import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.backends.utils import CursorWrapper

    Answer = TypeVar("Answer")

# Below PostgreSQL's deadlock_timeout (1 s): in a deadlock we are who gives way.
LOCK_TIMEOUT: Final = "800ms"
ATTEMPTS: Final = 6
FIRST_PAUSE_SECONDS: Final = 0.1


class LockUnavailableError(Exception):
    """The lock was not free in any attempt; nothing was changed."""


def with_patient_locks(using: str, action: Callable[[CursorWrapper], Answer]) -> Answer:
    """Run ``action`` in a transaction on database ``using``, again while locks are held.

    While we wait for a strong lock everybody else queues behind us, so each wait is
    short and the pauses between them grow. Raises LockUnavailableError after the last.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            pause = FIRST_PAUSE_SECONDS * 2**attempt
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter
        try:
            return _once(using, action)
        except OperationalError as error:
            if not isinstance(
                error.__cause__, errors.LockNotAvailable | errors.DeadlockDetected
            ):
                raise
    raise LockUnavailableError(f"not free within {LOCK_TIMEOUT} in {ATTEMPTS} attempts")


def _once(using: str, action: Callable[[CursorWrapper], Answer]) -> Answer:
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout')")
        (before,) = cursor.fetchone() or ("0",)
        _set_lock_timeout(cursor, LOCK_TIMEOUT)
        answer = action(cursor)
        # Inside a caller's transaction the setting would outlive this block.
        _set_lock_timeout(cursor, before)
        return answer


def _set_lock_timeout(cursor: CursorWrapper, value: str) -> None:
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", [value])

"""Taking the locks of ``btc_watcher.lib.locks``: for a transaction, or for a session."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS, Error, connections

from btc_watcher.lib.statements import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btc_watcher.lib.locks import Lock


def lock_taken(
    lock: Lock, *, wait: bool = False, using: str = DEFAULT_DB_ALIAS
) -> bool:
    """Take ``lock`` until the current transaction ends; False when another has it.

    With ``wait`` it comes back when the lock is ours. Call it in a transaction: without
    one the lock is gone at once. Raises Django's database errors.
    """
    (answer,) = rows_of(lock.take(wait=wait, session=False), lock.values, using=using)
    return wait or answer == (True,)


@contextlib.contextmanager
def lock_held(
    lock: Lock, *, wait: bool = False, using: str = DEFAULT_DB_ALIAS
) -> Iterator[bool]:
    """Hold ``lock`` in between, over any number of transactions; False: another has it.

    With ``wait`` it begins when the lock is ours. The lock belongs to the session, so it
    ends with a process that is killed and with a connection that is lost. Call it outside
    a transaction. Raises Django's database errors, but none while it lets go.
    """
    (answer,) = rows_of(lock.take(wait=wait, session=True), lock.values, using=using)
    ours = wait or answer == (True,)
    try:
        yield ours
    finally:
        if ours:
            _let_go(lock, using)


def _let_go(lock: Lock, using: str) -> None:
    connection = connections[using]
    session = connection.connection
    # A session that is lost has lost the lock too; a new one would not have it.
    if session is None or session.closed:
        return
    try:
        rows_of(lock.give_back(), lock.values, using=using)
    except Error:
        # A pool would keep the session, and the session the lock.
        session.close()
        connection.close()

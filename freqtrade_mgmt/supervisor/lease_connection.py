"""A connection of its own for renewals: nothing else may hold them up.

The pool may be empty and the supervisor's own connection may wait for a lock. And a
network that swallows packets tells nobody: an answer that does not come in time ends the
connection from outside, and the next renewal makes a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from django.db import OperationalError, connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import LiteralString

    from freqtrade_mgmt.leases.store import Run

Answer = TypeVar("Answer")
CONNECT_SECONDS: Final = 3
OPTIONS: Final = "-c jit=off -c statement_timeout=5000 -c lock_timeout=3000"


class LeaseConnection:
    """Runs functions in a thread that has this connection, each for so many seconds."""

    def __init__(self) -> None:
        self._link = _Link()

    async def call(self, function: Callable[[Run], Answer], seconds: float) -> Answer:
        """Run ``function``, which gets what runs statements, each in a transaction.

        Raises OperationalError, also when it takes too long; nothing waits for it then.
        """
        link = self._link
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(link.thread, function, link.run)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(work)
        except TimeoutError:
            work.add_done_callback(_forget)
            self._link = _Link()
            link.break_off()
            raise OperationalError("The database does not answer in time.") from None

    async def close(self) -> None:
        """End the thread and the connection."""
        link = self._link
        work = asyncio.get_running_loop().run_in_executor(link.thread, link.close)
        await asyncio.wait([work], timeout=CONNECT_SECONDS)
        link.break_off()


class _Link:
    """One thread and its connection; what hangs is left behind with both."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="leases")
        self._connection: psycopg.Connection[Any] | None = None

    def run(
        self, sql: LiteralString, parameters: Mapping[str, Any], /
    ) -> list[tuple[Any, ...]]:
        """Run a statement; to be called in our thread."""
        try:
            if self._connection is None:
                self._connection = _connect()
            with self._connection.cursor() as cursor:
                return cursor.execute(sql, parameters, prepare=True).fetchall()
        except psycopg.Error as error:
            self.close()
            # To whoever waits for a renewal the database is away, whatever it said.
            raise OperationalError(type(error).__name__) from error

    def close(self) -> None:
        """Close the connection; the next statement makes another one."""
        old, self._connection = self._connection, None
        if old is not None:
            old.close()

    def break_off(self) -> None:
        """End what the thread waits for, from another one, and the thread with it."""
        old = self._connection
        if old is not None:
            with (
                contextlib.suppress(OSError, psycopg.Error),
                socket.socket(fileno=os.dup(old.fileno())) as end,
            ):
                end.shutdown(socket.SHUT_RDWR)
        self.thread.shutdown(wait=False)


def _connect() -> psycopg.Connection[Any]:
    wanted: dict[str, Any] = connection.get_connection_params()
    # Rows are read as they come: numbers, arrays and texts.
    for name in ("cursor_factory", "context"):
        wanted.pop(name, None)
    return psycopg.connect(
        **wanted
        | {
            "connect_timeout": CONNECT_SECONDS,
            "options": OPTIONS,
            "application_name": "btc_watcher leases",
            "autocommit": True,
        }
    )


def _forget(work: asyncio.Future[Any]) -> None:
    """Read the error of what nobody waits for any more."""
    if not work.cancelled():
        work.exception()

"""Carries out the installations that somebody asked for, one at a time."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import threading
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections

from freqtrade_mgmt.leases.where import only_here
from freqtrade_mgmt.supervisor.carrying import install_carry_out, install_next
from freqtrade_mgmt.versions.refreshing import installations_check

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    InThread = Callable[..., Awaitable[Any]]

logger = logging.getLogger(__name__)

AWAY: Final = (InterfaceError, OperationalError)


class Installs:
    """Installs in a thread of its own, beside the supervision of bots.

    ``in_thread`` runs a function off the event loop, in the thread of the database.
    """

    def __init__(self, in_thread: InThread) -> None:
        self._in_thread = in_thread
        self._task: asyncio.Task[None] | None = None
        self._stop = threading.Event()
        self._checked = False

    async def tick(self) -> None:
        """Begin what is wanted, unless one runs.

        Raises InterfaceError and OperationalError alone: the database is away.
        """
        if self._task is not None and not self._task.done():
            return
        try:
            await self._begin()
        except AWAY:
            raise
        except Exception:
            # Whatever is wrong with an installation must not end the supervision of bots.
            logger.exception("Installations cannot be looked after.")

    async def _begin(self) -> None:
        if not self._checked:
            # Elsewhere may lie what does not lie here.
            if await self._in_thread(only_here):
                await self._in_thread(installations_check)
            self._checked = True
        found = await self._in_thread(install_next)
        if found is not None:
            work = asyncio.to_thread(self._carry, *found)
            self._task = asyncio.create_task(work, name=f"installation {found[0]}")

    async def close(self) -> None:
        """End what runs; it begins again when a supervisor is started."""
        self._stop.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _carry(self, operation_id: int, seen: Mapping[str, Any] | None) -> None:
        logger.info("Installation %s begins.", operation_id)
        try:
            install_carry_out(
                operation_id, seen=seen, stop=self._stop.is_set, say=logger.debug
            )
        except AWAY as error:
            logger.warning(
                "Installation %s waits for the database (%s).",
                operation_id,
                type(error).__name__,
            )
        except Exception:
            # It stays ours, and is tried again some times.
            logger.exception("Installation %s failed.", operation_id)
        finally:
            connections.close_all()
        logger.info("Installation %s has ended.", operation_id)


def supervisor_lock_path() -> Path:
    """Return the file that a supervisor of this BTCW_HOME holds locked."""
    home: Path = settings.BTCW_HOME
    return home / "run" / "supervisor.lock"


def supervisor_lives() -> bool:
    """Tell whether a supervisor runs for this BTCW_HOME."""
    try:
        with supervisor_lock_path().open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False

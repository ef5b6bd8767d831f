"""Carrying one installation out: by the supervisor, or by a command where none lives."""

from __future__ import annotations

import logging
import os
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

import psutil
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.cache.installs import operation_progress_write
from freqtrade_mgmt.installer import (
    InstallStoppedError,
    Wanted,
    Watch,
    freqtrade_install,
    marked_kill,
)
from freqtrade_mgmt.models import FreqtradeUpgrade
from freqtrade_mgmt.supervisor.identity import ProcessKey
from freqtrade_mgmt.supervisor.proving import release_prove
from freqtrade_mgmt.versions.journal import (
    CANCELLED,
    Status,
    Type,
    operation_cancelled,
    operation_finish,
    operation_requeue,
    operation_step,
    operation_take,
)
from freqtrade_mgmt.versions.places import freqtrade_root
from freqtrade_mgmt.versions.recording import version_installed
from freqtrade_mgmt.versions.requesting import is_newest
from freqtrade_mgmt.versions.ways import install_way
from freqtrade_mgmt.versions.words import step_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from freqtrade_mgmt.installer import InstalledFreqtrade

logger = logging.getLogger(__name__)

# The installer says the other steps itself.
UNSAID: Final = frozenset({"trial", "run", "measured"})
CANCEL_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 1.0
RECORD_SECONDS: Final = 600.0
# Whoever dies so often while installing dies of it.
MOST_TAKE_OVERS: Final = 3


class _InterruptedError(InstallStoppedError):
    """We are to end ourselves; the installation goes on another time."""


class Journal(Watch):
    """Writes how far an installation is: to Redis often, to its row at each step."""

    def __init__(
        self,
        operation_id: int,
        stop: Callable[[], bool],
        told: Callable[[Mapping[str, Any]], None],
        say: Callable[[str], None],
    ) -> None:
        self._operation_id = operation_id
        self._stop = stop
        self._say = say
        self._told = told
        self._asked = 0.0
        self._progress: dict[str, Any] = {
            "bytes": 0,
            "total": None,
            "step": "begun",
            "percent": None,
        }

    def step(self, code: str, **data: object) -> None:
        """Record that a step begins."""
        self._progress["step"] = code
        self._publish()
        if code in UNSAID:
            self._say(step_words(code, data))
        try:
            operation_step(self._operation_id, code, data, self._progress)
        except DatabaseError as error:
            # The installation itself needs no database.
            logger.warning("A step was not recorded (%s).", type(error).__name__)
        finally:
            _give_back()

    def grown(self, size: int, total: int) -> None:
        """Publish how many bytes there are."""
        percent = min(99, size * 100 // total) if total else None
        self._progress |= {"bytes": size, "total": total, "percent": percent}
        self._publish()

    def check(self) -> None:
        """Raise when we, or this installation, are to end."""
        if self._stop():
            raise _InterruptedError
        if time.monotonic() - self._asked < CANCEL_SECONDS:
            return
        self._asked = time.monotonic()
        try:
            cancelled = operation_cancelled(self._operation_id)
        except DatabaseError:
            return
        finally:
            _give_back()
        if cancelled:
            raise InstallStoppedError

    def _publish(self) -> None:
        operation_progress_write(self._operation_id, self._progress)
        self._told(self._progress)


def _give_back() -> None:
    """Give the connection back, which may be dead and is not used for a while."""
    if not connection.in_atomic_block:
        close_old_connections()


def owner_new() -> dict[str, Any]:
    """Return us as the owner of an operation, with a mark of its own for its children."""
    key = ProcessKey.of(psutil.Process(os.getpid()))
    return {
        "pid": key.pid,
        "create_time": key.create_time,
        "origin": key.origin,
        "mark": uuid.uuid4().hex,
    }


def owner_lives(owner: Mapping[str, Any]) -> bool:
    """Tell whether the process that owns an operation still runs."""
    try:
        key = ProcessKey(
            int(owner["pid"]),
            float(owner["create_time"]),
            str(owner.get("origin") or ""),
        )
        process = psutil.Process(key.pid)
        return key.names(process) and process.status() != psutil.STATUS_ZOMBIE
    except (KeyError, TypeError, ValueError, psutil.Error):
        return False


def install_next() -> tuple[int, dict[str, Any] | None] | None:
    """Return the installation to carry out now, and its owner if that one has died.

    None when there is none, or when somebody carries one out at this moment.
    """
    rows = FreqtradeUpgrade.objects.filter(
        upgrade_type=Type.INSTALL, status__in=[Status.PENDING, Status.IN_PROGRESS]
    ).order_by("id")
    found = [(row.pk, row.migration_log.get("owner")) for row in rows]
    if any(
        owner and owner["pid"] != os.getpid() and owner_lives(owner)
        for _, owner in found
    ):
        return None
    # Those that were begun come first: half an environment lies there.
    return min(found, key=lambda each: (each[1] is None, each[0]), default=None)


def install_carry_out(
    operation_id: int,
    *,
    seen: Mapping[str, Any] | None,
    stop: Callable[[], bool],
    say: Callable[[str], None] = lambda _line: None,
    told: Callable[[Mapping[str, Any]], None] = lambda _progress: None,
) -> bool:
    """Install what an operation asks for; return whether it was ours to carry out.

    ``seen`` is its owner that was found dead. ``stop`` tells that we are to end, ``say``
    gets every line, ``told`` the progress. What comes of it stands in the row.
    """
    owner = owner_new()
    row = operation_take(operation_id, owner, seen=seen)
    if row is None:
        return False
    if seen:
        # What the dead one started holds the lock, and writes into the folder.
        marked_kill(str(seen.get("mark") or ""))
    journal = Journal(operation_id, stop, told, say)
    finish = _Finish(operation_id, stop)
    if _take_overs(row) > MOST_TAKE_OVERS:
        finish.failed(
            f"It was ended in the middle {MOST_TAKE_OVERS + 1} times, so it is given up."
            " Look at the supervisor's log, then install again."
        )
        return True
    try:
        done = _install(row, journal, str(owner["mark"]), say)
    except BaseException as error:
        if not finish.told(error):
            raise
    else:
        finish.completed(done)
    return True


def _install(
    row: FreqtradeUpgrade, journal: Journal, mark: str, say: Callable[[str], None]
) -> InstalledFreqtrade:
    def prove(version: str, python: Path) -> Mapping[str, Any]:
        return release_prove(version, python, journal, mark)

    way = install_way(row.migration_log.get("proxy"))
    version = row.to_version
    wanted = Wanted(
        version,
        cut_off=not is_newest(version),
        proxy=way.address,
        prove=prove,
        watch=journal,
        mark=mark,
    )
    return freqtrade_install(version, freqtrade_root(), say, wanted=wanted)


def _take_overs(row: FreqtradeUpgrade) -> int:
    steps = row.migration_log.get("steps") or []
    return sum(step.get("step") == "taken_over" for step in steps)


class _Finish:
    """Records how an installation ended, and tries until the database takes it."""

    def __init__(self, operation_id: int, stop: Callable[[], bool]) -> None:
        self._operation_id = operation_id
        self._stop = stop

    def __call__(self, record: Callable[[], object]) -> None:
        ends = time.monotonic() + RECORD_SECONDS
        while True:
            try:
                record()
            except DatabaseError as error:
                logger.warning("It could not be recorded (%s).", type(error).__name__)
                if self._stop() or time.monotonic() > ends:
                    return  # whoever comes next finds our row, and us dead
                time.sleep(AGAIN_SECONDS)
            else:
                return
            finally:
                _give_back()

    def told(self, error: BaseException) -> bool:
        """Record what went wrong; return False for what has to be raised again."""
        if isinstance(error, _InterruptedError):
            self(lambda: operation_requeue(self._operation_id, "interrupted"))
        elif isinstance(error, InstallStoppedError):
            self.cancelled()
        elif isinstance(error, BtcWatcherError):
            logger.warning("Installation %s: %s", self._operation_id, error.message)
            self.failed(error.message)
        elif isinstance(error, Exception):
            # Whatever is wrong with one installation must not end the supervisor.
            logger.error("Installation %s failed.", self._operation_id, exc_info=error)
            self.failed(f"It could not be carried out: {error!r}.")
        else:
            # Somebody at a terminal does not want to wait for it.
            self.cancelled()
            return False
        return True

    def completed(self, done: InstalledFreqtrade) -> None:
        data = {"version": done.version, "seconds": done.seconds}

        def record() -> None:
            version_installed(done)
            operation_finish(self._operation_id, Status.COMPLETED, "done", data)

        self(record)

    def failed(self, error: str) -> None:
        self(
            lambda: operation_finish(
                self._operation_id, Status.FAILED, "failed", error=error
            )
        )

    def cancelled(self) -> None:
        self(
            lambda: operation_finish(
                self._operation_id, Status.FAILED, "cancelled", error=CANCELLED
            )
        )

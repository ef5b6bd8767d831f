"""The thread in every process of ours: it beats, and looks after the others."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db import Error as DatabaseError

from monitoring.heartbeats.models import Role
from monitoring.heartbeats.others import groups_here
from monitoring.heartbeats.sampling import GroupSampler, MachineSampler
from monitoring.heartbeats.store import (
    Identity,
    beat_write,
    farewell_write,
    place_find,
    predecessor,
)
from monitoring.heartbeats.telling import (
    deliver_alerts_ourselves,
    limits,
    look_around,
)
from monitoring.heartbeats.watch import Silences

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitoring.heartbeats.progress import Progress

logger = logging.getLogger(__name__)

# The component whose figures a process adds to.
COMPONENTS = {Role.WEB: "api"}
# Ends with us; what is not done by then is nobody's business any more.
JOIN_SECONDS = 5.0
# As long as the columns.
HOST_LENGTH, NAME_LENGTH = 100, 150
# Tasks that come every ten seconds are void after nine.
APART_SECONDS = 5.0
# psutil counts creation times from the machine's start, which moves with its clock.
SAME_START = 2.0


class Reporter:
    """Writes the heartbeat of this process, every few seconds, until it is stopped.

    ``progress`` is marked by the process's own loop: when that hangs, the beats end. A
    worker, the schedule and the supervisor also judge the others. ``tells`` returns what
    each beat says besides. Its connection to
    the database is its own: a pool that is used up is no death.
    """

    def __init__(
        self,
        role: Role,
        name: str,
        progress: Progress | None = None,
        tells: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        me = psutil.Process()
        self._role = role
        self.identity = Identity(
            settings.NODE_NAME[:HOST_LENGTH],
            role,
            name[:NAME_LENGTH],
            os.getpid(),
            me.create_time(),
        )
        self._me = me
        self._progress = progress
        self._tells = tells
        self._groups = GroupSampler()
        self._machine = MachineSampler(settings.BTCW_HOME)
        self._stop = threading.Event()
        self._steady_since: float | None = None
        self._last = 0.0
        self._silences = Silences()
        self._away = self._blind = self._greeted = self._apart = False
        self._sender: threading.Thread | None = None
        self._thread = threading.Thread(
            target=self._run, name=f"heartbeat {role}", daemon=True
        )

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye and end; safe to call again."""
        self._stop.set()
        self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        _connect_apart()
        every = limits().every
        while True:
            self._step(every)
            if self._stop.wait(every):
                break
        with contextlib.suppress(DatabaseError):
            farewell_write(self.identity)
        connection.close()

    def _step(self, every: float) -> None:
        if self._progress is not None and self._progress.stuck():
            logger.error("The loop of this process hangs: it does not beat.")
            self._steady_since = None
            return
        try:
            _close_unless_usable()
            self._beat(every)
            if self._role is not Role.WEB and not self._stop.is_set():
                look_around(self._steady_s(), self._silences, _clock())
                self._send_if_nobody_does()
        except DatabaseError as error:
            self._database_away(error)
            with contextlib.suppress(DatabaseError):
                connection.close()
        # Without this thread a process that is well counts as dead.
        except Exception:
            logger.exception("The other processes could not be looked after.")

    def _beat(self, every: float) -> None:
        if not self._greeted:
            self._greet()
        figures, earliest = self._measured() | dict(self._tells()), time.time()
        moment = beat_write(self.identity, figures)
        self._compare_clocks(earliest, moment, time.time())
        self._away = False
        now = _clock()
        if self._steady_since is None or now - self._last > 3 * every:
            self._steady_since = now
        self._last = now

    def _compare_clocks(self, earliest: float, moment: float, latest: float) -> None:
        """Say when our clock and the database's differ; ``moment`` is the latter's."""
        apart = max(earliest - moment, moment - latest)
        if apart < APART_SECONDS:
            self._apart = False
        elif not self._apart:
            self._apart = True
            logger.error(
                "The clock of %s is %.0f s away from the database's: tasks that expire"
                " are lost, and times are wrong. Let both be set by NTP.",
                self.identity.host,
                apart,
            )

    def _greet(self) -> None:
        """Find our place, and say in the log when the one before us died there."""
        # Before the lock, for which all processes of the installation wait.
        told = dict(self._tells())
        with transaction.atomic():
            wanted, self.identity = self.identity, place_find(self.identity, _lives)
            pid = predecessor(self.identity)
            beat_write(self.identity, told)
        self._greeted = True
        if wanted != self.identity:
            logger.warning(
                "There is another %s called %s on this machine; this one is %s.",
                self._role.value,
                wanted.name,
                self.identity.name,
            )
        if pid is not None:
            logger.warning(
                "The %s before this one (pid %s) died: it did not say that it ends.",
                self._role.value,
                pid,
            )

    def _steady_s(self) -> float:
        return 0.0 if self._steady_since is None else _clock() - self._steady_since

    def _measured(self) -> dict[str, Any]:
        """Return the figures, or none: a beat without them is a sign of life all the same."""
        try:
            figures = self._figures()
        except DatabaseError:
            raise
        # What a kernel tells of itself, and what lies in files, may be anything.
        except Exception:
            if not self._blind:
                logger.exception("This process and its machine could not be measured.")
            self._blind = True
            return {}
        self._blind = False
        return figures

    def _figures(self) -> dict[str, Any]:
        own = COMPONENTS.get(self._role, self._role.value)
        groups = {own: [self._me]}
        if self._role is Role.SUPERVISOR:
            groups |= groups_here()
        return {
            "machine": self._machine.sample(),
            "groups": self._groups.sample(groups),
        }

    def _send_if_nobody_does(self) -> None:
        """Deliver alerts beside us, for a slow provider must not stop the beats."""
        if self._role is Role.WORKER or (self._sender and self._sender.is_alive()):
            return
        if self._steady_s() < limits().steady_for:
            return
        self._sender = threading.Thread(
            target=_send, name="alerts without worker", daemon=True
        )
        self._sender.start()

    def _database_away(self, error: DatabaseError) -> None:
        self._steady_since = None
        if not self._away:
            logger.warning(
                "No sign of life can be written (%s); tried again every %g s.",
                type(error).__name__,
                limits().every,
            )
        self._away = True


def _send() -> None:
    try:
        deliver_alerts_ourselves()
    except DatabaseError as error:
        logger.warning("Alerts could not be sent (%s).", type(error).__name__)
    finally:
        connection.close()


def _connect_apart() -> None:
    """Give this thread a connection of its own, which is in no pool."""
    made = connections.create_connection(DEFAULT_DB_ALIAS)
    options = dict(made.settings_dict["OPTIONS"])
    options.pop("pool", None)
    made.settings_dict = made.settings_dict | {"OPTIONS": options}
    connections[DEFAULT_DB_ALIAS] = made


def _close_unless_usable() -> None:
    """Close a connection that has died since the last beat; the next use opens another."""
    if connection.connection is not None and not connection.is_usable():
        connection.close()


def _lives(pid: int, created: float) -> bool:
    """Tell whether a process of this machine lives."""
    try:
        return abs(psutil.Process(pid).create_time() - created) < SAME_START
    except psutil.Error:
        return False


def _clock() -> float:
    """Return a clock that goes on while the machine sleeps, and is never set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)

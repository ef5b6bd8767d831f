"""The handler of ``logging`` that fills ``error_logs``. It costs its callers nothing.

Named in ``settings.LOGGING``, so it is made before any model can be imported.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import weakref
from typing import Final

from monitoring.errors.buffer import Buffer
from monitoring.errors.reading import key_of, report_of

# Records that come together are written together.
GATHER_SECONDS: Final = 0.5
# At the least between two writes: the most that a flood may ask of the database.
PAUSE_SECONDS: Final = 5.0
LONGEST_PAUSE: Final = 60.0
# What a process that ends waits for its last reports.
CLOSE_SECONDS: Final = 2.5
# What people get wrong in a browser is no error of ours.
FROM_OUTSIDE: Final = ("django.request", "django.security", "django.channels.server")


class ErrorLogHandler(logging.Handler):
    """Counts records in memory; a thread of its own writes them, one row a group.

    It never raises and never waits. What its own thread logs, be it through psycopg, is
    not taken in. Warnings about requests that ask for what is not there are left out.
    """

    def __init__(
        self,
        level: int | str = logging.WARNING,
        *,
        gather: float = GATHER_SECONDS,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        super().__init__(level)
        self._gather, self._pause = gather, pause
        self._start_anew()
        this = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _anew(this))

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record in, without the lock of handlers.

        ``logging.shutdown`` holds that one while it waits for the thread, which may log.
        """
        wanted = bool(self.filter(record))
        if wanted:
            self.emit(record)
        return wanted

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record in."""
        if threading.get_ident() == self._writer or self._is_outside(record):
            return
        # A record may hold anything, and an error while an error is told helps nobody.
        try:
            self.buffer.add(key_of(record), record, report_of)
        except Exception:  # noqa: BLE001
            self.buffer.drop()
        self._wake()

    def flush(self) -> None:
        """Write what waits now, and wait for that for a moment."""
        if len(self.buffer) and self._thread is not None:
            self._written.clear()
            self._hurry.set()
            self._written.wait(CLOSE_SECONDS)

    def close(self) -> None:
        """Write what waits, if the database answers soon, and end the thread."""
        self._ending = True
        self._hurry.set()
        self._there.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)
        super().close()

    def _start_anew(self) -> None:
        self.buffer = Buffer()
        self._thread: threading.Thread | None = None
        self._writer = -1
        self._ending = False
        self._starting = threading.Lock()
        self._there, self._hurry = threading.Event(), threading.Event()
        self._written = threading.Event()

    def _is_outside(self, record: logging.LogRecord) -> bool:
        return record.levelno < logging.ERROR and record.name.startswith(FROM_OUTSIDE)

    def _wake(self) -> None:
        if not self._there.is_set():
            self._there.set()
        # Whoever finds it taken need not wait, and may be the very thread that has it.
        if not (self._runs() or self._ending) and self._starting.acquire(
            blocking=False
        ):
            try:
                if not self._runs():
                    self._start()
            finally:
                self._starting.release()

    def _runs(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="error log", daemon=True)
        # None can be started at the end of the interpreter, nor while there are too
        # many; the next record tries again.
        with contextlib.suppress(RuntimeError, MemoryError):
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        self._writer = threading.get_ident()
        try:
            self._write_for_ever()
        finally:
            # The number will be another thread's.
            self._writer = -1

    def _write_for_ever(self) -> None:
        wait = self._pause
        while True:
            self._there.wait()
            self._hurry.wait(self._gather)
            self._there.clear()
            self._hurry.clear()
            written = self._write()
            self._written.set()
            if self._ending:
                return
            wait = self._pause if written else min(LONGEST_PAUSE, wait * 2)
            if not written:
                self._there.set()
            self._hurry.wait(wait)

    def _write(self) -> bool:
        """Write everything that waits; False when the database is away."""
        # Imported late: they need settings.
        from monitoring.errors import writing  # noqa: PLC0415

        reports, dropped = self.buffer.take()
        ready = list(reports.values())
        if dropped:
            ready.append(writing.dropped_report(dropped, time.time()))
        if not ready:
            return True
        try:
            self.buffer.drop(writing.reports_write(ready))
        except writing.WriteError as error:
            kept = {k: r for k, r in reports.items() if r.fingerprint not in error.done}
            told = f"dropped:{ready[-1].context.get('process')}" in error.done
            self.buffer.give_back(kept, 0 if told else dropped)
            return False
        # The thread must live: settings may be wrong in ways that nobody thought of.
        except Exception:  # noqa: BLE001
            self.buffer.give_back(reports, dropped)
            return False
        return True


def _anew(this: weakref.ReferenceType[ErrorLogHandler]) -> None:
    """Forget the parent's thread and what it will write itself."""
    handler = this()
    if handler is not None:
        handler._start_anew()  # noqa: SLF001 - a function of this class in all but form

"""Telling a page how far a run is, from the process that does it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import override

from btc_watcher.lib.errors import BtcWatcherError
from monitoring.runs.cache import run_put, run_read

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKUP: Final = "backup"
ROTATION: Final = "rotation"

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
# A sign of life comes this often, and a word about progress no more often than that.
SIGN_SECONDS: Final = 5.0
WORD_SECONDS: Final = 0.25


class Follower:
    """Takes the progress of one run; ``say`` is called from one thread at a time.

    ``number`` names the run that somebody asked for, "" for one that came by itself.
    """

    def __init__(self, kind: str, what: str, *, number: str = "", by: str = "") -> None:
        """Say that the run was taken, if it is the one that waits."""
        self._kind, self._number = kind, number
        self._values: dict[str, Any] = {
            "number": number,
            "what": what,
            "by": by,
            "state": RUNNING,
            "at": timezone.now().isoformat(),
            "steps": [],
            "error": "",
        }
        self._guard = threading.Lock()
        self._over = threading.Event()
        self._told = 0.0
        # Until work begins, another run may be the one that pages show.
        self._ours = self._waits()
        self._thread = threading.Thread(target=self._live, name="signs of a run")
        self._thread.daemon = True
        if self._ours:
            self._put()
        self._thread.start()

    def say(self, title: str, detail: str) -> None:
        """Take what is being done, and how far it is."""
        now = time.time()
        with self._guard:
            steps = self._values["steps"]
            fresh = not steps or steps[-1]["title"] != title
            if fresh:
                steps.append({"title": title, "at": now, "detail": detail})
            elif detail:
                steps[-1]["detail"] = detail
            self._ours = True
            if not fresh and now - self._told < WORD_SECONDS:
                return
            self._put()

    def name(self, name: str) -> None:
        """Say which backup the run is about."""
        self._values["name"] = name

    def end(self, error: str = "") -> None:
        """Say how it ended, unless another run is the one that pages show."""
        self._over.set()
        self._thread.join()
        with self._guard:
            if self._ours or self._waits():
                self._values |= {"state": FAILED if error else DONE, "error": error}
                self._put()

    def _waits(self) -> bool:
        waiting = run_read(self._kind) or {}
        return bool(self._number) and waiting.get("number") == self._number

    def _live(self) -> None:
        while not self._over.wait(SIGN_SECONDS):
            with self._guard:
                if self._ours:
                    self._put()

    def _put(self) -> None:
        self._told = time.time()
        run_put(self._kind, self._values | {"seen": self._told})


@contextmanager
def followed(
    kind: str, what: str, *, number: str = "", by: str = ""
) -> Iterator[Follower]:
    """Tell pages of the run that the block is, and how it ended.

    Inside, texts are English: whoever looks translates them.
    """
    follower = Follower(kind, what, number=number, by=by)
    error = "It was interrupted."
    try:
        with override("en"):
            yield follower
        error = ""
    except BtcWatcherError as failure:
        error = failure.message
        raise
    except Exception as failure:
        # The words of an unexpected error may hold what nobody should read.
        error = (
            f"An unexpected error: {type(failure).__name__}. See the list of errors."
        )
        raise
    finally:
        follower.end(error)

"""What takes long to find out, at times for ever, must not keep a sign of life back."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

# A disk that is well answers at once, so what is told is as it is now.
WAIT_SECONDS: Final = 0.5
KEEP_SECONDS: Final = 120.0


class Beside:
    """Finds figures out in a thread of their own, one at a time.

    ``find`` may hang, as whatever looks at a network disk may; ``what`` names it in the
    log. After an error and when it hangs, what was found last is told for ``keep``
    seconds, and then nothing.
    """

    def __init__(
        self,
        find: Callable[[], Mapping[str, Any]],
        what: str,
        *,
        wait: float = WAIT_SECONDS,
        keep: float = KEEP_SECONDS,
    ) -> None:
        self._find, self._what = find, what
        self._wait, self._keep = wait, keep
        self._found: tuple[float, Mapping[str, Any]] | None = None
        self._thread: threading.Thread | None = None
        self._since = time.monotonic()
        self._told = False

    def newest(self) -> Mapping[str, Any]:
        """Return what was found last, and have it found out anew; waits a moment."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._look, name=f"looks at {self._what}", daemon=True
            )
            self._thread.start()
            self._thread.join(self._wait)
        at, found = self._found or (self._since, {})
        silent = time.monotonic() - at
        if silent <= self._keep:
            self._told = False
            return found
        if not self._told:
            self._told = True
            logger.error("%s has not answered for %.0f s.", self._what, silent)
        return {}

    def _look(self) -> None:
        try:
            self._found = time.monotonic(), self._find()
        except OSError as error:
            logger.warning("%s cannot be looked at: %s", self._what, error.strerror)

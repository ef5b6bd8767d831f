"""Progress in a terminal: each title a step with its time, details beside it."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, TextIO

from btc_watcher.local.terminal import Terminal
from monitoring.backups.shapes import nobody_listens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitoring.backups.shapes import Say


class Steps:
    """Opens a step when the title changes; titles come from one thread at a time."""

    def __init__(self, stream: TextIO) -> None:
        """Write to ``stream``."""
        self._terminal = Terminal(stream)
        self._stack = contextlib.ExitStack()
        self._title = ""
        self._tell: Callable[[str], None] = lambda _text: None

    def __call__(self, title: str, detail: str) -> None:
        """Take progress."""
        if title != self._title:
            self._stack.close()
            self._title = title
            self._tell = self._stack.enter_context(self._terminal.step(title))
        if detail:
            self._tell(detail)

    def close(self) -> None:
        """End the step that is open."""
        self._stack.close()

    def leave(self, error: BaseException) -> None:
        """End it without saying that it is done."""
        self._stack.__exit__(type(error), error, error.__traceback__)


@contextlib.contextmanager
def steps(*, shown: bool) -> Iterator[Say]:
    """Give what takes the progress of a backup, and shows it on the error stream."""
    if not shown:
        yield nobody_listens
        return
    terminal = Steps(sys.stderr)
    try:
        yield terminal
    except BaseException as error:
        with contextlib.suppress(type(error)):
            terminal.leave(error)
        raise
    terminal.close()

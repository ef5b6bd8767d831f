"""What a person sees: a spinner with the time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from typing import TYPE_CHECKING, TextIO, cast

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # Takes one line about the progress of a step.
    Say = Callable[[str], None]

# Spinner, elapsed time and the spaces between.
BESIDE_DETAIL = 13


class Paced:
    """Hands on a detail at most once a second, and none twice in a row."""

    def __init__(self, write: Say, seconds: float = 1.0) -> None:
        """Hand details to ``write``."""
        self._write = write
        self._seconds = seconds
        self._last = ""
        self._next_at = 0.0

    def __call__(self, text: str) -> None:
        """Take a detail."""
        now = time.monotonic()
        if text != self._last and now >= self._next_at:
            self._last = text
            self._next_at = now + self._seconds
            self._write(text)


class Surviving:
    """A text stream that turns to nothing when its reader is gone.

    A closed window or an ended pipe must not keep the processes from being stopped.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to ``stream`` as long as it takes anything."""
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        """Write, or drop what nobody can read."""
        self._or_nothing(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, or drop what nobody can read."""
        self._or_nothing(self._stream.flush)

    def isatty(self) -> bool:
        """Tell whether a person sits there."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor; rich asks it for the width."""
        return self._stream.fileno()

    def _or_nothing(self, act: Callable[[], object]) -> None:
        try:
            act()
        except OSError:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._stream.fileno())
            os.close(nothing)


class Terminal:
    """Prints steps and lines."""

    def __init__(
        self, stream: TextIO | None = None, console: Console | None = None
    ) -> None:
        """Write to ``stream``, standard output by default."""
        stream = stream or sys.stdout
        self._hang_up: select.poll | None = None
        if stream.isatty():
            self._hang_up = select.poll()
            # No event is asked for: a hang-up is always reported.
            self._hang_up.register(os.dup(stream.fileno()), 0)
        surviving = cast("TextIO", Surviving(stream))
        self._console = console or Console(file=surviving, highlight=False)

    def is_gone(self) -> bool:
        """Tell whether a terminal was there and has been closed.

        The kernel tells only the leader of the session, which may be make, and make
        waits for us instead of telling us.
        """
        return self._hang_up is not None and bool(self._hang_up.poll(0))

    def line(self, text: str = "") -> None:
        """Print ``text`` as it is, never wrapped."""
        self._console.print(
            text, markup=False, highlight=False, soft_wrap=True, emoji=False
        )

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """Show that ``title`` is being done; the caller may report details meanwhile."""
        started = time.monotonic()
        if self._console.is_terminal:
            with self._spinner(title) as say:
                yield say
            mark = "✓ "
        else:
            self.line(f"{title} ...")
            yield Paced(lambda text: self.line(f"  {text}"))
            mark = "done: "
        self.line(f"{mark}{title} ({time.monotonic() - started:.1f} s)")

    @contextlib.contextmanager
    def _spinner(self, title: str) -> Iterator[Say]:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", style="dim", markup=False),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(title, total=None, detail="")
            # What is too long would push the title out of its line.
            room = max(self._console.width - len(title) - BESIDE_DETAIL, 0)
            yield lambda text: progress.update(task, detail=text[:room])

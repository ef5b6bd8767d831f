"""What a person sees: a spinner with the time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DETAIL_WIDTH = 60


class Say(Protocol):
    """Takes one line about the progress of a step."""

    def __call__(self, text: str) -> None: ...


class Terminal:
    """Prints steps and lines; goes silent when nobody can read any more."""

    def __init__(self, console: Console | None = None) -> None:
        """Write to ``console``, standard output by default."""
        self._console = console or Console(highlight=False)
        self._silent = False

    def line(self, text: str = "") -> None:
        """Print ``text`` as it is, never wrapped."""
        self._guard(
            lambda: self._console.print(
                text, markup=False, highlight=False, soft_wrap=True, emoji=False
            )
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
            yield lambda text: self.line(f"  {text}")
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
            yield lambda text: progress.update(task, detail=text[:DETAIL_WIDTH])

    def _guard(self, write: Callable[[], None]) -> None:
        """Write unless the terminal is gone (closed window, ended pipe)."""
        if self._silent:
            return
        try:
            write()
        except OSError:
            self._silent = True

"""A progress bar on the error stream, so that the answer can be piped."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class Bar:
    """Takes how far something is; shows nothing where nobody looks, or before that."""

    def __init__(self, progress: Progress, title: str, total: float | None) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=total)
        self._is_on = False

    @property
    def is_shown(self) -> bool:
        """Tell whether a person sees it."""
        return not self._progress.disable

    def __call__(
        self, done: float, *, total: float | None = None, title: str | None = None
    ) -> None:
        """Show ``done`` of ``total``; None leaves total and title as they were."""
        self._progress.update(
            self._task, completed=done, total=total, description=title
        )
        if not self._is_on:
            self._progress.start()
            self._is_on = True

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away while a line of the answer is written."""
        self._progress.stop()
        try:
            yield
        finally:
            if self._is_on:
                self._progress.start()


@contextmanager
def bar(title: str, *, shown: bool, total: float | None = None) -> Iterator[Bar]:
    """Give a bar that goes away in the end; ``total`` None: nobody knows how much."""
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not shown,
    )
    try:
        yield Bar(progress, title, total)
    finally:
        progress.stop()

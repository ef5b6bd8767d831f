"""How a command ends that was interrupted, or that nobody listens to any more."""

from __future__ import annotations

import os
import select
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# As shells count: 128 and the number of the signal.
INTERRUPTED: Final = 130
NOBODY_READS: Final = 141


@contextmanager
def ending_plainly() -> Iterator[None]:
    """End without a traceback on Ctrl-C (130) and when the reader is gone (141)."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        if not _is_gone(sys.stdout.fileno()):
            raise
        # Python flushes once more at its end, and would complain.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
        sys.exit(NOBODY_READS)


def _is_gone(descriptor: int) -> bool:
    """Tell whether nobody reads what is written there."""
    watch = select.poll()
    watch.register(descriptor, 0)
    return any(
        events & (select.POLLERR | select.POLLHUP) for _, events in watch.poll(0)
    )

"""Words of the entry point, for whoever reads the container's log."""

from __future__ import annotations

import sys

from btc_watcher.lib.errors import BtcWatcherError


class ContainerError(BtcWatcherError):
    """What keeps a program from running, for the operator to read and mend."""


def say(text: str) -> None:
    """Write to the log of the container, at once."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()

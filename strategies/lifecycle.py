"""The states of a strategy and the changes between them. Pure.

A person asks for ``starting`` or ``stopping``; the supervisor reports
``running``, ``stopped`` and ``error``.
"""

from __future__ import annotations

from typing import Final

from btc_watcher.lib.errors import BtcWatcherError

ALLOWED: Final = {
    "stopped": {"starting", "error"},
    "starting": {"running", "stopping", "error"},
    "running": {"starting", "stopping", "error"},
    "stopping": {"stopped", "starting", "error"},
    "error": {"starting", "stopped"},
}
WANTED_UP: Final = frozenset({"starting", "running"})


class IllegalChangeError(BtcWatcherError):
    """A strategy cannot go from its state to the one that was asked for."""


def change(name: str, current: str, wanted: str) -> bool:
    """Tell whether something changes; raise IllegalChangeError when it may not."""
    if current == wanted:
        return False
    if wanted in ALLOWED[current]:
        return True
    raise IllegalChangeError(
        f"Strategy {name!r} is {current} and cannot become {wanted};"
        f" from {current} it can become {', '.join(sorted(ALLOWED[current]))}."
    )

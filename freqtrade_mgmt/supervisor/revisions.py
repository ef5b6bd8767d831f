"""What a bot runs, by one name: a bot of another revision is replaced. Pure."""

from __future__ import annotations

from typing import Final

# Of the revisions of earlier releases of ours: version and restarts.
OLD_PARTS: Final = 2


def revision(
    version: str, restarts: int | None, freqtrade_version: str, route: str = ""
) -> str:
    """Name what shall run: the strategy's version, restarts, freqtrade, its route."""
    return f"{version}+{restarts or 0}+{freqtrade_version}+{route}"


def is_current(wanted: str, running: str, freqtrade_version: str) -> bool:
    """Tell whether a bot that was started as ``running`` is what is wanted.

    ``freqtrade_version`` is what it runs. A bot of an earlier release of ours named
    neither that nor its route: it went out directly.
    """
    if wanted == running:
        return True
    parts = running.split("+")
    if len(parts) != OLD_PARTS:
        return False
    return wanted.split("+") == [*parts, freqtrade_version, ""]

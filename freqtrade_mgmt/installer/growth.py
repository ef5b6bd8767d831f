"""How many bytes an installation has brought onto the disk so far."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

PAUSE_SECONDS: Final = 0.4
# Looking must not cost more than this part of the time.
SHARE: Final = 0.1
# Where uv unpacks what it downloads, inside its cache.
_CACHE_PARTS: Final = ("", "archive-v0")


def tree_size(path: Path | str) -> int:
    """Return the bytes of all files below a folder; what vanishes meanwhile is 0."""
    total = 0
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += tree_size(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        return total
    return total


class Growth:
    """Looks now and then at the folders that grow, and never shrinks.

    uv fills its cache first and links from there, so the larger of both counts.
    """

    def __init__(self, folders: Sequence[Path], cache: Path | None) -> None:
        self._folders = folders
        self._caches = [cache / part for part in _CACHE_PARTS] if cache else []
        self._known = [set(_names(place)) for place in self._caches]
        self._next = 0.0
        self.size = 0

    def look(self, *, at_once: bool = False) -> bool:
        """Look again when it is time; return whether something was measured."""
        began = time.monotonic()
        if began < self._next and not at_once:
            return False
        folders = sum(tree_size(folder) for folder in self._folders)
        self.size = max(self.size, folders, self._cached())
        now = time.monotonic()
        self._next = now + max(PAUSE_SECONDS, (now - began) / SHARE)
        return True

    def _cached(self) -> int:
        return sum(
            tree_size(place / name)
            for place, known in zip(self._caches, self._known, strict=True)
            for name in _names(place)
            if name not in known
        )


def _names(place: Path) -> Iterable[str]:
    try:
        return os.listdir(place)  # noqa: PTH208 - thousands of names, as texts
    except OSError:
        return ()

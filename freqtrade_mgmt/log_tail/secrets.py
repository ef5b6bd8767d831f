"""The secrets that a bot knows, kept up with its configuration file."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from freqtrade_mgmt.bot_files import open_inside
from freqtrade_mgmt.log_tail.redact import Redactor, secrets_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from freqtrade_mgmt.bot_config import BotPaths


class BotSecrets:
    """Those of its earlier starts included: its log goes on over restarts."""

    def __init__(self, paths: BotPaths) -> None:
        self._paths = paths
        self._seen = (0, 0)
        self._known: set[str] = set()
        self.redact = Redactor(())

    def add(self, secrets: Iterable[str]) -> None:
        """Hide these too."""
        self._known |= set(secrets)
        self.redact = Redactor(self._known)

    def refresh(self) -> None:
        """Read the configuration again when it was written anew."""
        try:
            status = self._paths.config.lstat()
            if (status.st_ino, status.st_mtime_ns) == self._seen:
                return
            opened = open_inside(self._paths.folder, self._paths.config, os.O_RDONLY)
            with os.fdopen(opened, encoding="utf-8") as file:
                self.add(secrets_of(json.load(file)))
        except (OSError, ValueError):
            # There is none yet, or it is being written: the next look finds it.
            return
        self._seen = (status.st_ino, status.st_mtime_ns)

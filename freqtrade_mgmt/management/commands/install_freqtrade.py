"""Installs freqtrade into an environment of its own."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.services import freqtrade_version_install

if TYPE_CHECKING:
    from types import FrameType

    from django.core.management.base import CommandParser


class Command(BaseCommand):
    """``manage.py install_freqtrade [VERSION]``, with a line for every step."""

    help = (
        "Install a release of freqtrade into an environment of its own, the newest one"
        " when no version is named. Does nothing when it is there already."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add VERSION."""
        parser.add_argument(
            "version",
            nargs="?",
            help="such as 2026.9 (default: the newest stable release)",
        )

    def handle(self, *, version: str | None, **options: Any) -> None:
        """Install, and print where it is."""
        # As an exception, so that the installer's child ends and no half is left.
        before = signal.signal(signal.SIGTERM, _leave)
        try:
            row = freqtrade_version_install(version=version, progress=self._line)
        except BtcWatcherError as error:
            raise CommandError(error.message) from error
        finally:
            signal.signal(signal.SIGTERM, before)
        self._line(f"freqtrade {row.version} is ready in {row.install_path}.")

    def _line(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)

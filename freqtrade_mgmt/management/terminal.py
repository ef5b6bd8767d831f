"""What the sub-commands write: lines, JSON, and how far an installation is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btc_watcher.lib.commands.progress import Bar

# Elsewhere than on a terminal, so many hundredths make a new line.
COARSE: Final = 10
_MEGABYTE: Final = 1_000_000


class Speaker(Protocol):
    """What a command answers with."""

    def tell(self, text: str) -> None:
        """Write a line."""

    def tell_json(self, value: object) -> None:
        """Write a value as JSON."""


class Output:
    """Writes the answer of ``speaker``. ``quiet``: nothing but what is asked as JSON."""

    def __init__(
        self, speaker: Speaker, bar: Bar, *, quiet: bool = False, progress: bool = True
    ) -> None:
        self._speaker = speaker
        self._bar = bar
        self._quiet = quiet
        self._progress = progress
        self._coarse = 0

    def line(self, text: str) -> None:
        """Write one line."""
        if not self._quiet:
            with self._bar.aside():
                self._speaker.tell(text)

    def json(self, value: object) -> None:
        """Write a value as JSON."""
        with self._bar.aside():
            self._speaker.tell_json(value)

    def progress(self, progress: Mapping[str, Any]) -> None:
        """Show how far something is: a bar on a terminal, elsewhere now and then a line."""
        size, percent = int(progress.get("bytes") or 0), progress.get("percent")
        if self._quiet or not self._progress or percent is None:
            return
        total = int(progress.get("total") or 0)
        words = _("%(done)d of about %(total)d MB") % {
            "done": size // _MEGABYTE,
            "total": total // _MEGABYTE,
        }
        if self._bar.is_shown:
            self._bar(percent, total=100, title=words)
        elif percent >= self._coarse + COARSE:
            self._coarse = percent - percent % COARSE
            self._speaker.tell(f"{percent} % ({words})")

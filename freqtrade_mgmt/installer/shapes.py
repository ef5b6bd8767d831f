"""What an installation is made with, what comes of it, and whom it tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.installer.stages import failure_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from btc_watcher.lib.sockets import ProxyAddress

    Progress = Callable[[str], None]
    # Gets the version and its interpreter and returns facts to keep, as JSON; raises
    # InstallError when it is no good.
    Prove = Callable[[str, Path], Mapping[str, Any]]


class InstallError(BtcWatcherError):
    """freqtrade could not be installed; the message ends with the last output."""


class ToolError(InstallError):
    """uv or pip ended with an error; ``output`` are its last lines."""

    def __init__(self, tool: str, code: int, output: str, earlier: str = "") -> None:
        # What the first tool said is often plainer than what the second one did.
        self.output = output
        self.kind, sentence = failure_of(f"{earlier}\n{output}")
        before = f"\nBefore that:\n{earlier}" if earlier else ""
        super().__init__(
            f"{sentence}{' ' if sentence else ''}{tool} ended with code {code} while"
            f" freqtrade was installed. The last lines were:\n{output}{before}"
        )


class InstallStoppedError(Exception):
    """The installation was told to end; what it had made is removed."""


@dataclass(frozen=True)
class InstalledFreqtrade:
    """A finished environment.

    ``seconds`` is how long it took to make it, ``size`` its bytes on disk, 0 where that
    was not recorded, ``facts`` what its proof told.
    """

    version: str
    path: Path
    python: Path
    seconds: float
    size: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)


class Watch:
    """Whom an installation tells how far it is; this one listens to nothing."""

    def step(self, code: str, **data: object) -> None:
        """Hear that a step begins; codes are those of ``versions.words``."""

    def grown(self, size: int, total: int) -> None:
        """Hear how many bytes lie on the disk, of the expected total."""

    def check(self) -> None:
        """Raise InstallStoppedError to end the installation; asked several times a second."""


@dataclass(frozen=True)
class Wanted:
    """What is to be installed, and how.

    ``version`` None is the newest stable release. ``cut_off``: take the dependencies of
    the release's own time, not today's. ``prove`` tries the finished environment.
    ``mark`` is put into the environment of every child, so that it can be found again.
    """

    version: str | None = None
    cut_off: bool = True
    proxy: ProxyAddress | None = None
    prove: Prove | None = field(default=None, repr=False)
    watch: Watch = field(default_factory=Watch, repr=False)
    mark: str = ""

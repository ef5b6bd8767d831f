"""Asking the package index which releases there are."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from btc_watcher.lib.outgoing import proxy_url
from freqtrade_mgmt.installer.child import run_child
from freqtrade_mgmt.installer.shapes import InstallError
from freqtrade_mgmt.installer.stages import failure_of
from freqtrade_mgmt.installer.tools import pip_settings, proxy_environment
from freqtrade_mgmt.pip_settings import without_credentials
from freqtrade_mgmt.release_index import IndexAnswer, releases_fetch
from freqtrade_mgmt.releases import PACKAGE, Release, versions_in_pip_output

if TYPE_CHECKING:
    from collections.abc import Callable

    from btc_watcher.lib.sockets import ProxyAddress


@dataclass(frozen=True)
class Asked:
    """What an index said. ``full`` is False where pip told the bare numbers only."""

    releases: tuple[Release, ...]
    full: bool = True


def releases_ask(
    proxy: ProxyAddress | None = None, *, seconds: float = 20, pip_seconds: float = 60
) -> Asked:
    """Return the releases of the indexes that pip is configured with.

    As JSON where they speak it, else as pip lists them. Raises InstallError when neither
    works; the message holds no login.
    """
    settings = pip_settings()
    through = proxy_url(proxy) if proxy else settings.proxy
    answer = releases_fetch(settings, proxy=through, seconds=seconds)
    if answer.releases:
        return Asked(answer.releases)
    return _as_pip_lists(answer, through, pip_seconds)


def _as_pip_lists(answer: IndexAnswer, proxy: str | None, seconds: float) -> Asked:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "index"]
    options = ["--pre", "--retries", "0", "--timeout", "10"]
    code, output = run_child(
        [*command, "versions", *options, PACKAGE],
        proxy_environment(proxy) if proxy else {},
        lock=None,
        on_line=without_credentials,
        on_wait=_patience(seconds),
    )
    versions = versions_in_pip_output(output) if code == 0 else []
    if versions:
        return Asked(tuple(Release(version) for version in versions), full=False)
    problem = answer.problem or failure_of(output)[1]
    if not problem:
        problem = "The package index names no release of freqtrade."
    raise InstallError(
        f"{problem} Check the network and pip's index settings (pip config list)."
        if "pip config list" not in problem and "proxy did not accept" not in problem
        else problem
    )


def _patience(seconds: float) -> Callable[[], None]:
    ends = time.monotonic() + seconds

    def check() -> None:
        if time.monotonic() > ends:
            raise InstallError(
                f"pip did not list the releases of freqtrade within {seconds:.0f} s."
                " Check the network and pip's index settings (pip config list)."
            )

    return check

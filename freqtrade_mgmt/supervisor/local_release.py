"""The releases of freqtrade that this node needs and another one has installed."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.here import NotHereError
from freqtrade_mgmt.installer import (
    InstallStoppedError,
    Wanted,
    Watch,
    freqtrade_install,
)
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.selectors import python_here, standing
from freqtrade_mgmt.versions.places import freqtrade_root
from freqtrade_mgmt.versions.requesting import is_newest
from freqtrade_mgmt.versions.ways import install_way
from strategies.selectors import strategies_wanted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from btc_watcher.lib.sockets import ProxyAddress
    from freqtrade_mgmt.supervisor.records import Job

    InThread = Callable[..., Awaitable[Any]]

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 30.0
WAIT_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 300.0


class ReleaseMissingError(BtcWatcherError):
    """The release is being installed on this node; the strategy waits for it."""


class LocalReleases:
    """Installs here what is recorded as installed and lies on another node.

    ``in_thread`` runs a function off the event loop, in the thread of the database.
    """

    def __init__(self, in_thread: InThread) -> None:
        self._in_thread = in_thread
        self._task: asyncio.Task[None] | None = None
        self._stop = threading.Event()
        self._failed: dict[str, tuple[float, str]] = {}
        self._waiting: dict[int, float] = {}
        self._looked = float("-inf")

    @property
    def waiting(self) -> dict[int, float]:
        """Before which moment (monotonic) each strategy is not started again."""
        return self._waiting

    async def found(self, job: Job) -> Job:
        """Return a job whose interpreter lies on this node.

        Raises ReleaseMissingError while it is being installed, NotHereError when that
        does not work.
        """
        key, version = job.watched.strategy_id, job.freqtrade_version
        self._waiting.pop(key, None)
        python = await asyncio.to_thread(python_here, version, job.python)
        if python is not None:
            return replace(job, python=python)
        self._waiting[key] = time.monotonic() + WAIT_SECONDS
        until, why = self._failed.get(version, (0.0, ""))
        if time.monotonic() < until:
            raise NotHereError(why)
        await self._begin(version)
        raise ReleaseMissingError(f"freqtrade {version} is being installed here.")

    async def tick(self, *, alone: bool) -> None:
        """Install ahead what bots of other nodes need: one of them may die."""
        if alone or time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        for version in await self._in_thread(releases_missing):
            until, _why = self._failed.get(version, (0.0, ""))
            if time.monotonic() >= until:
                await self._begin(version)
                return

    async def close(self) -> None:
        """End an installation; it begins again when it is needed."""
        self._stop.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _begin(self, version: str) -> None:
        if self._task is not None and not self._task.done():
            return
        way, cut_off = await self._in_thread(_way, version)
        work = asyncio.to_thread(self._install, version, way, cut_off=cut_off)
        self._task = asyncio.create_task(work, name=f"freqtrade {version} here")

    def _install(
        self, version: str, way: ProxyAddress | None, *, cut_off: bool
    ) -> None:
        logger.info("freqtrade %s is installed on this node.", version)
        wanted = Wanted(version, cut_off=cut_off, proxy=way, watch=_Stopped(self._stop))
        try:
            freqtrade_install(version, freqtrade_root(), logger.debug, wanted=wanted)
        except InstallStoppedError:
            return
        except (BtcWatcherError, OSError) as error:
            why = f"freqtrade {version} could not be installed on this node: {error}"
            logger.error(why)  # noqa: TRY400 - the sentence says it
            self._failed[version] = (time.monotonic() + AGAIN_SECONDS, why)
        else:
            logger.info("freqtrade %s is ready on this node.", version)


class _Stopped(Watch):
    """Ends an installation when the supervisor ends."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def check(self) -> None:
        """Raise when we are to end."""
        if self._stop.is_set():
            raise InstallStoppedError


def releases_missing() -> list[str]:
    """Return the releases that strategies run on and that do not lie on this node."""
    now = standing()
    pins = strategies_wanted().values_list("id", "freqtrade_config__version")
    needed = {now.version(key, pin) for key, pin in pins} | {now.current, now.target}
    rows = FreqtradeVersion.objects.filter(
        is_installed=True, install_path__isnull=False
    )
    places = {row.version: Path(row.install_path or "") for row in rows}
    return sorted(
        version
        for version, path in places.items()
        if version in needed and python_here(version, path / "bin" / "python") is None
    )


def _way(version: str) -> tuple[ProxyAddress | None, bool]:
    """Return the proxy that the release itself came through, and whether it is an old one."""
    installs = FreqtradeUpgrade.objects.filter(
        upgrade_type=FreqtradeUpgrade.Type.INSTALL, to_version=version
    ).order_by("-id")
    proxy = installs.values_list("migration_log__proxy", flat=True).first()
    way = install_way(proxy if type(proxy) is int else None)
    return way.address, not is_newest(version)

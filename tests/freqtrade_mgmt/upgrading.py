"""Carrying out an upgrade in a test, with bots that are only said to run."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.utils import timezone

from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.selectors import versions_wanted
from freqtrade_mgmt.supervisor.upgrades import BotNow, Upgrades
from freqtrade_mgmt.upgrades.asking import upgrade_request
from strategies.models import Strategy
from tests.strategies.pages import made, put

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLD, NEW = "2026.7", "2026.9"


def installed(path: Path, *versions: str) -> None:
    """Record versions as installed, one after the other, at folders with a python."""
    for version in versions:
        python = path / version / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch()
        FreqtradeVersion.objects.create(
            version=version,
            is_installed=True,
            install_date=timezone.now(),
            install_path=str(path / version),
        )


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await sync_to_async(function)(*arguments)


class World:
    """Bots that do at once what is wanted of them, unless a test says otherwise.

    ``broken`` maps strategies to the version on which they crash, ``log`` is what ran
    after each tick: version by strategy.
    """

    def __init__(self) -> None:
        self.upgrades = Upgrades(in_thread)
        self.broken: dict[int, str] = {}
        self.log: list[dict[int, str]] = []

    def wanted(self) -> dict[int, str]:
        up = Strategy.objects.filter(status__in=["running", "starting"])
        ids = list(up.values_list("id", flat=True))
        return {
            key: version
            for key, version in versions_wanted(ids).items()
            if key not in self.upgrades.held
        }

    async def tick(self) -> None:
        wanted = await sync_to_async(self.wanted)()
        self.log.append(wanted)
        for key, version in wanted.items():
            if self.broken.get(key) == version:
                self.upgrades.takes(key, "boom")
        await self.upgrades.tick(
            {
                key: BotNow(version, self.broken.get(key) != version)
                for key, version in wanted.items()
            }
        )

    async def until(
        self, row: FreqtradeUpgrade, stage: str, seconds: float = 20
    ) -> None:
        """Tick until the operation has come to a stage, or fail at another last state."""
        async with asyncio.timeout(seconds):
            while True:
                await self._step_end()
                await row.arefresh_from_db()
                if stage in (row.status, row.migration_log.get("stage")):
                    return
                going = row.status in {"pending", "in_progress"}
                assert going, row.migration_log["steps"]
                await self.tick()
                await asyncio.sleep(0.01)

    async def _step_end(self) -> None:
        """Let the step under way end, or the stage changes between a look and a tick."""
        task = self.upgrades._task
        if task is not None:
            await asyncio.wait({task}, timeout=0.2)

    def moves(self) -> list[dict[int, str]]:
        """Return what ran, without repetitions."""
        return [each for each, _same in itertools.groupby(self.log)]


def steps(row: FreqtradeUpgrade) -> list[str]:
    """Return the codes of an operation's steps."""
    row.refresh_from_db()
    return [each["step"] for each in row.migration_log["steps"]]


def running(*names: str) -> list[Strategy]:
    return [put(made(name), "running") for name in names]


async def asked(**options: Any) -> FreqtradeUpgrade:
    request = sync_to_async(upgrade_request)
    return await request(NEW, **({"watch_seconds": 0} | options))

"""Two real bots from their start to their end, with everything in between."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from freqtrade_mgmt.bot_config import bot_folder_read
from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.supervisor import records
from freqtrade_mgmt.supervisor.client import BotClient
from signals_app.models import Signal
from strategies.models import Strategy, StrategyProcess
from strategies.services import (
    strategies_change,
    strategy_start,
    strategy_update,
    version_roll_back,
)
from tests.freqtrade_mgmt.supervising import (
    adopted,
    demo,
    is_running,
    open_process,
    state_of,
    supervising,
    supervisor_of_its_own,
    until,
)
from tests.local.helpers import is_gone

if TYPE_CHECKING:
    from freqtrade_mgmt.installer import InstalledFreqtrade

pytestmark = [
    pytest.mark.freqtrade,
    pytest.mark.faults,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("system"),
]


async def freqtrade_of(strategy: Strategy) -> str:
    """Ask the running bot itself for its version of freqtrade."""
    identity = bot_folder_read(records.bot_folder(strategy.pk))
    async with BotClient(identity.port, identity.credentials) as client:
        return str((await client.show_config())["version"])


async def replaced(strategy: Strategy, earlier: StrategyProcess) -> StrategyProcess:
    """Wait until another process runs a strategy, and is proven."""

    def another() -> StrategyProcess | None:
        row = open_process(strategy)
        running = row is not None and row.pk != earlier.pk and is_running(strategy)
        return row if running else None

    return await until(another, "another process", 90)  # type: ignore[no-any-return]


@pytest.fixture
async def bots(older_freqtrade: InstalledFreqtrade) -> tuple[Strategy, Strategy]:
    """Two strategies that are wanted; the first on the older release."""
    await FreqtradeVersion.objects.acreate(
        version=older_freqtrade.version,
        is_installed=True,
        install_date=timezone.now(),
        install_path=str(older_freqtrade.path),
    )
    old = {"version": older_freqtrade.version}
    first, second = await sync_to_async(
        lambda: (demo(0, freqtrade_config=old), demo(1))
    )()
    for strategy in (first, second):
        await sync_to_async(strategy_start)(strategy.pk)
    return first, second


async def test_two_bots_through_start_kill_adopt_upgrade_roll_back_and_stop(
    settings: Any,
    bots: tuple[Strategy, Strategy],
    real_freqtrade: InstalledFreqtrade,
    older_freqtrade: InstalledFreqtrade,
) -> None:
    first, second = bots

    # Started, and their supervisor killed.
    with supervisor_of_its_own(settings):
        for strategy in (first, second):
            await until(lambda s=strategy: is_running(s), "running", 90)  # type: ignore[misc]
    left = {
        strategy.pk: await until(lambda s=strategy: open_process(s), "a process")  # type: ignore[misc]
        for strategy in (first, second)
    }

    async with supervising():
        # Adopted: the same processes.
        for strategy in (first, second):
            row = await adopted(strategy)
            assert row.pid == left[strategy.pk].pid
        assert await freqtrade_of(first) == older_freqtrade.version
        assert await freqtrade_of(second) == real_freqtrade.version

        # Killed: another process, with the reason in words.
        os.kill(left[second.pk].pid, signal.SIGKILL)
        await replaced(second, left[second.pk])
        ended = await StrategyProcess.objects.aget(pk=left[second.pk].pk)
        assert ended.stop_time is not None

        # Upgraded: a new version of the strategy, run by another freqtrade.
        await sync_to_async(strategy_update)(
            first.pk, by=None, summary="newest freqtrade", freqtrade_config={}
        )
        upgraded = await replaced(first, left[first.pk])
        assert await freqtrade_of(first) == real_freqtrade.version
        assert upgraded.resource_usage["freqtrade_version"] == real_freqtrade.version
        assert psutil.Process(upgraded.pid).is_running()

        # And back.
        await sync_to_async(version_roll_back)(first.pk, "v1.0", by=None)
        again = await replaced(first, upgraded)
        assert await freqtrade_of(first) == older_freqtrade.version

        # Stopped.
        await sync_to_async(strategies_change)([first.pk, second.pk], "stop")
        for strategy in (first, second):
            await until(lambda s=strategy: state_of(s) == "stopped", "stopped")  # type: ignore[misc]
        assert again.pid is not None
        assert is_gone(again.pid)

    versions = await sync_to_async(
        lambda: set(
            Signal.objects.filter(strategy_id=first.pk).values_list(
                "strategy_version", flat=True
            )
        )
    )()
    assert versions <= {"v1.0", "v1.1", "v1.2"}
    assert versions

"""Upgrades of real bots between two real releases: done, broken, killed in the middle."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from freqtrade_mgmt import selectors
from freqtrade_mgmt.bot_config import bot_folder_read
from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.supervisor import plan, records
from freqtrade_mgmt.supervisor.client import BotClient
from freqtrade_mgmt.upgrades import reading
from freqtrade_mgmt.upgrades.asking import rollback_request, upgrade_request
from notifications.models import Alert
from signals_app.models import Signal
from strategies.models import Strategy
from strategies.services import strategy_start
from tests.freqtrade_mgmt.supervising import (
    demo,
    is_running,
    open_process,
    supervising,
    supervisor_of_its_own,
    until,
)
from tests.freqtrade_mgmt.upgrading import World, steps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from freqtrade_mgmt.installer import InstalledFreqtrade
    from freqtrade_mgmt.models import FreqtradeUpgrade

pytestmark = [
    pytest.mark.freqtrade,
    pytest.mark.faults,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
]

EVERY = """
{before}
from freqtrade.strategy import IStrategy


class Every(IStrategy):
    timeframe = "1m"
    minimal_roi = {{"0": 100.0}}
    stoploss = -0.99

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe
"""
# What a release may break: everything loads, and the bot dies at work.
SABOTAGE = """

def _broken(self, *args, **kwargs):
    raise RuntimeError("this release is broken on purpose")


Worker.run = _broken
"""
MINUTE = 60_000


def every(number: int, before: str = "") -> Strategy:
    """Make a strategy that marks every candle."""
    return demo(
        number,
        class_name="Every",
        code=EVERY.format(before=before),
        strength={"default": 90},
    )


@pytest.fixture
def releases(
    system: None,
    real_freqtrade: InstalledFreqtrade,
    older_freqtrade: InstalledFreqtrade,
) -> tuple[str, str]:
    """Return the older and the newer version; the older one was installed first."""
    del system
    FreqtradeVersion.objects.create(
        version=older_freqtrade.version,
        is_installed=True,
        install_date=timezone.now() - timedelta(days=60),
        install_path=str(older_freqtrade.path),
    )
    return older_freqtrade.version, real_freqtrade.version


@pytest.fixture
def sabotaged(
    releases: tuple[str, str], real_freqtrade: InstalledFreqtrade, tmp_path: Path
) -> Iterator[None]:
    """The newer release is one that loads strategies and dies when it runs them."""
    copy = real_freqtrade.path.with_name(f"sabotaged-{os.getpid()}")
    # Links, so that it costs no time and no room; what is changed is replaced.
    subprocess.run(["/bin/cp", "-al", real_freqtrade.path, copy], check=True)
    (worker,) = copy.glob("lib/python3*/site-packages/freqtrade/worker.py")
    code = worker.read_text()
    worker.unlink()
    worker.write_text(code + SABOTAGE)
    rows = FreqtradeVersion.objects.filter(version=releases[1])
    assert rows.update(install_path=str(copy)) == 1
    yield
    shutil.rmtree(copy)


async def both(*made: Strategy) -> tuple[Strategy, ...]:
    for strategy in made:
        await sync_to_async(strategy_start)(strategy.pk)
    return made


async def version_of(strategy: Strategy) -> str:
    """Ask the running bot itself for its version of freqtrade."""
    identity = bot_folder_read(records.bot_folder(strategy.pk))
    async with BotClient(identity.port, identity.credentials) as client:
        return str((await client.show_config())["version"])


async def signals_lost(strategy: Strategy) -> list[tuple[str, int]]:
    """Return what the strategy marks in its bot's frame and is not stored.

    From the first stored signal to the newest candle that the collector has handled.
    """
    identity = bot_folder_read(records.bot_folder(strategy.pk))
    stored = await sync_to_async(
        lambda: {
            (pair, round(moment.timestamp() * 1000) - MINUTE)
            for pair, moment in Signal.objects.filter(strategy=strategy).values_list(
                "pair", "timestamp"
            )
        }
    )()
    row = await Strategy.objects.aget(pk=strategy.pk)
    newest = row.health_metrics["last_candles"]
    marked: set[tuple[str, int]] = set()
    async with BotClient(identity.port, identity.credentials) as client:
        for pair in strategy.config["pairs"]:
            first = min(opened for name, opened in stored if name == pair)
            frame = await client.candles(pair, "1m", 999)
            marked |= {
                (pair, candle.open_ms)
                for candle in frame.candles
                if candle.row.get("enter_long") == 1
                and first <= candle.open_ms <= newest[pair]
            }
    assert len(marked) > 60  # the first back-fill at least
    return sorted(marked - stored)


def newest_handled(strategy: Strategy) -> int:
    """Return the newest candle handled of every pair (open, ms); 0 before that."""
    row = Strategy.objects.get(pk=strategy.pk)
    newest = row.health_metrics.get("last_candles") or {}
    whole = len(newest) == len(strategy.config["pairs"])
    return min(newest.values()) if whole else 0


async def candles_later(strategy: Strategy, opened: int) -> None:
    """Wait until the collector has handled a candle after ``opened``."""
    await until(lambda: newest_handled(strategy) > opened, "another candle", 90)


async def ended(row: FreqtradeUpgrade, status: str, seconds: float = 120) -> None:
    def there() -> bool:
        row.refresh_from_db()
        return row.status not in {"pending", "in_progress"}

    await until(there, status, seconds)
    assert row.status == status, await sync_to_async(steps)(row)


@pytest.mark.usefixtures("sabotaged")
async def test_a_release_that_breaks_at_work_is_rolled_back_and_no_signal_is_lost(
    releases: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "FIRST_DELAY", 0.5)
    old, new = releases
    first, second = await both(*await sync_to_async(lambda: (every(0), every(1)))())
    async with supervising():
        for strategy in (first, second):
            await until(lambda s=strategy: is_running(s), "running", 90)  # type: ignore[misc]
            assert await version_of(strategy) == old
        untouched = await until(lambda: open_process(second), "its process")
        began = await until(lambda: newest_handled(first), "the first candles")

        row = await sync_to_async(upgrade_request)(
            new, canary=first.pk, watch_seconds=30
        )
        await ended(row, "rolled_back")
        for strategy in (first, second):
            await until(lambda s=strategy: is_running(s), "running", 60)  # type: ignore[misc]
            assert await version_of(strategy) == old
        assert (await until(lambda: open_process(second), "it")).pk == untouched.pk

        await candles_later(first, began)
        for strategy in (first, second):
            assert await signals_lost(strategy) == []

    done = await sync_to_async(steps)(row)
    assert "back_crashes" in done or "back_cannot_run" in done
    assert await sync_to_async(selectors.current_version)() == old
    assert await Alert.objects.filter(key="freqtrade:upgrade").acount() == 1
    # Nobody is told twice: the strategy itself was never given up.
    assert not await Alert.objects.filter(key=f"strategy:{first.pk}").aexists()


async def test_killed_in_the_middle_the_next_supervisor_finishes_the_upgrade(
    releases: tuple[str, str], settings: Any
) -> None:
    old, new = releases
    first, second = await both(*await sync_to_async(lambda: (every(0), every(1)))())
    with supervisor_of_its_own(settings) as supervisor:
        for strategy in (first, second):
            await until(lambda s=strategy: is_running(s), "running", 90)  # type: ignore[misc]
        began = await until(lambda: newest_handled(first), "the first candles")
        row = await sync_to_async(upgrade_request)(
            new, canary=first.pk, watch_seconds=5
        )
        # In the middle: the canary has been told to move, and nothing is proven.
        await until(lambda: "canary" in steps(row), "the first move", 60)
        supervisor.kill()
        supervisor.wait()

    async with supervising():
        await ended(row, "completed")
        for strategy in (first, second):
            assert await version_of(strategy) == new
        assert "resumed" in await sync_to_async(steps)(row)

        # And back by hand, after its end.
        await sync_to_async(rollback_request)(row.pk)
        await ended(row, "rolled_back")
        for strategy in (first, second):
            await until(lambda s=strategy: is_running(s), "running", 60)  # type: ignore[misc]
            assert await version_of(strategy) == old
        await candles_later(first, began)
        for strategy in (first, second):
            assert await signals_lost(strategy) == []

    done = await sync_to_async(steps)(row)
    assert "restored" not in done
    assert "restore_failed" not in done
    assert await sync_to_async(selectors.current_version)() == old


async def test_a_strategy_that_loads_on_the_old_version_alone_is_found_by_the_check(
    releases: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    old, new = releases
    gone = f"""
import freqtrade
if freqtrade.__version__ != "{old}":
    raise ImportError("cannot import name 'gone' from 'freqtrade'")
"""
    good, bad = await both(*await sync_to_async(lambda: (every(0), every(1, gone)))())
    caplog.set_level(logging.CRITICAL, "freqtrade_mgmt")
    world = World()
    row = await sync_to_async(upgrade_request)(new, watch_seconds=0)
    await world.until(row, "failed", 120)

    shown = await sync_to_async(reading.upgrade)(row.pk)
    assert shown is not None
    report = {each.id: each for each in shown.strategies}
    assert report[good.pk].check == "loads"
    assert report[bad.pk].check == "fails"
    assert "gone" in report[bad.pk].reason
    assert world.moves() == [{good.pk: old, bad.pk: old}]

    # Left where it is, it keeps the others from nothing.
    again = await sync_to_async(upgrade_request)(
        new, watch_seconds=0, leave_failing=True
    )
    await world.until(again, "completed", 120)
    await world.upgrades.close()
    assert world.moves()[-1] == {good.pk: new, bad.pk: old}

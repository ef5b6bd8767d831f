"""What goes wrong with bots, done to real freqtrade for real."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import psutil
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from freqtrade_mgmt.bot_config import bot_folder_read
from freqtrade_mgmt.interpreter import open_to_all
from freqtrade_mgmt.supervisor import bots, client, limits, plan, records
from notifications.models import Notification, NotificationChannel
from signals_app.models import Signal
from strategies.models import Strategy, StrategyProcess
from strategies.services import strategy_restart, strategy_start
from tests.freqtrade_mgmt.supervising import (
    adopted,
    carrying,
    demo,
    is_running,
    open_process,
    reason_of,
    state_of,
    supervising,
    supervisor_of_its_own,
    until,
)
from tests.local.helpers import is_gone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freqtrade_mgmt.installer import InstalledFreqtrade
    from freqtrade_mgmt.simulator.server import SimulatedExchange

pytestmark = [
    pytest.mark.freqtrade,
    pytest.mark.faults,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("system"),
]

STRATEGY = """
{before}
from freqtrade.strategy import IStrategy


class Odd(IStrategy):
    timeframe = "1m"
    minimal_roi = {{"0": 100.0}}
    stoploss = -0.99

    def populate_indicators(self, dataframe, metadata):
        {indicators}
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        every_other = dataframe["date"].dt.minute % 2 == 0
        dataframe.loc[every_other, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

{behind}
"""


def odd(before: str = "", indicators: str = "pass", behind: str = "") -> Strategy:
    """Make a strategy that marks every other candle, and something else."""
    code = STRATEGY.format(before=before, indicators=indicators, behind=behind)
    return demo(0, class_name="Odd", code=code, strength={"default": 90})


async def started(strategy: Strategy) -> Strategy:
    await sync_to_async(strategy_start)(strategy.pk)
    return strategy


async def ended(strategy: Strategy, word: str, seconds: float = 60) -> StrategyProcess:
    """Wait for a process whose end is told with ``word``."""
    return await until(  # type: ignore[no-any-return]
        lambda: (
            StrategyProcess.objects.filter(
                strategy=strategy, resource_usage__reason__icontains=word
            )
            .exclude(stop_time=None)
            .first()
        ),
        f"an end with {word!r}",
        seconds,
    )


async def test_a_bot_that_hangs_is_seen_killed_and_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bots, "ASK_SECONDS", 0.5)
    monkeypatch.setattr(client, "REQUEST_SECONDS", 1.0)
    monkeypatch.setattr(plan, "START_DEADLINE", 20.0)
    monkeypatch.setattr(plan, "STOP_DEADLINE", 2.0)
    strategy = await started(await sync_to_async(odd)())

    async with supervising():
        await until(lambda: is_running(strategy), "running")
        first = await until(lambda: open_process(strategy), "a process")
        os.kill(first.pid, signal.SIGSTOP)
        await until(lambda: state_of(strategy) == "starting", "the doubt", 20)
        assert "does not answer" in await sync_to_async(reason_of)(strategy)
        await until(lambda: is_running(strategy), "running again", 90)
        second = await until(lambda: open_process(strategy), "another process")

    assert second.pid != first.pid
    assert is_gone(first.pid)


async def test_a_bot_that_has_stopped_itself_is_not_called_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bots, "ASK_SECONDS", 0.5)
    monkeypatch.setattr(plan, "START_DEADLINE", 20.0)
    flag = Path(tempfile.mkdtemp(prefix="btcw-flag-")) / "stop"
    behind = f"""
from pathlib import Path
from freqtrade.exceptions import OperationalException
from freqtrade.freqtradebot import FreqtradeBot

process = FreqtradeBot.process

def stopping(bot):
    if Path({str(flag)!r}).exists():
        raise OperationalException("the account is empty")
    process(bot)

FreqtradeBot.process = stopping
"""
    strategy = await started(await sync_to_async(odd)(behind=behind))
    try:
        async with supervising():
            await until(lambda: is_running(strategy), "running")
            first = await until(lambda: open_process(strategy), "a process")
            flag.touch()
            await until(lambda: state_of(strategy) == "starting", "the doubt", 30)
            assert not is_gone(first.pid)
            assert "state stopped" in await sync_to_async(reason_of)(strategy)
            flag.unlink()
            await until(lambda: is_running(strategy), "running again", 90)
    finally:
        shutil.rmtree(flag.parent)


async def test_a_strategy_that_takes_memory_without_end_is_killed_and_told(
    settings: Any,
) -> None:
    settings.BOT_MEMORY_MB = 600
    before = """
import threading, time
def take():
    kept = []
    while True:
        kept.append(bytearray(b"x" * 20_000_000))
        time.sleep(0.1)
threading.Thread(target=take, daemon=True).start()
"""
    strategy = await started(await sync_to_async(odd)(before=before))

    async with supervising():
        process = await ended(strategy, "may hold 600 MB")

    assert process.pid is not None
    assert is_gone(process.pid)


async def test_a_strategy_that_prints_without_end_fills_no_disk(tmp_path: Path) -> None:
    before = """
import threading, time
def talk():
    while True:
        print("x" * 99_999, flush=True)
        time.sleep(0.1)
threading.Thread(target=talk, daemon=True).start()
"""
    strategy = await started(await sync_to_async(odd)(before=before))
    logs = tmp_path / "bots" / str(strategy.pk) / "logs"

    async with supervising():
        await until(lambda: is_running(strategy), "running")
        await until((logs / "console.old.log").exists, "the cut", 30)
        # It is cut every second, so a second's worth is all that comes on top.
        largest = 0
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            largest = max(largest, sum(p.stat().st_size for p in logs.iterdir()))
            await asyncio.sleep(0.2)
        assert largest < 12_000_000
        assert await sync_to_async(is_running)(strategy)


async def test_a_strategy_that_never_finishes_its_import_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "START_DEADLINE", 6.0)
    monkeypatch.setattr(plan, "STOP_DEADLINE", 3.0)
    monkeypatch.setattr(plan, "CRASHES", 2)
    monkeypatch.setattr(plan, "FIRST_DELAY", 0.5)
    await sync_to_async(mail_channel)()
    before = "while True:\n    pass"
    strategy = await started(await sync_to_async(odd)(before=before))

    async with supervising():
        await until(lambda: state_of(strategy) == "error", "giving up", 60)

    assert "analysed nothing" in await sync_to_async(reason_of)(strategy)
    alerts = await sync_to_async(
        lambda: list(Notification.objects.filter(message_type="alert"))
    )()
    assert len(alerts) == 1
    assert strategy.name in alerts[0].content


async def test_a_restart_replaces_the_process_and_nothing_else() -> None:
    strategy = await started(await sync_to_async(odd)())

    async with supervising():
        await until(lambda: is_running(strategy), "running")
        first = await until(lambda: open_process(strategy), "a process")

        def replaced_in_words() -> bool:
            process = open_process(strategy)
            same = process is not None and process.pid == first.pid
            return same and state_of(strategy) == "starting"

        await sync_to_async(strategy_restart)(strategy.pk)
        await until(replaced_in_words, "the old bot is no longer called running")
        await ended(strategy, "restarted")
        await until(lambda: is_running(strategy), "running again")
        second = await until(lambda: open_process(strategy), "another process")

    assert second.pid != first.pid


async def test_a_start_beyond_the_memory_budget_is_refused_with_the_numbers(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BOTS_MEMORY_MB = limits.BOT_MB + 100
    first = await started(await sync_to_async(demo)(0))
    async with supervising():
        await until(lambda: is_running(first), "running")
        second = await started(await sync_to_async(demo)(1))
        await until(lambda: state_of(second) == "error", "the refusal", 20)
        reason = await sync_to_async(reason_of)(second)

    assert f"{settings.BOTS_MEMORY_MB} MB" in reason
    assert "BTCW_BOTS_MEMORY_MB" in reason


async def test_a_supervisor_killed_in_the_middle_of_a_start_leaves_no_second_bot(
    settings: Any, tmp_path: Path
) -> None:
    strategy = await started(await sync_to_async(odd)())
    with supervisor_of_its_own(settings) as supervisor:
        deadline = time.monotonic() + 60
        while not (left := carrying(tmp_path)):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.002)
        supervisor.kill()
        supervisor.wait()

    async with supervising():
        row = await adopted(strategy)
        assert row.pid == left[0].pid
        assert [p.pid for p in carrying(tmp_path)] == [left[0].pid]

    assert carrying(tmp_path) == []


async def test_an_unrecorded_bot_is_found_by_the_mark_of_its_start(
    settings: Any,
) -> None:
    """As a supervisor leaves it that dies between a start and its record."""
    strategy = await started(await sync_to_async(odd)())
    with supervisor_of_its_own(settings):
        await until(lambda: is_running(strategy), "running")
        row = await until(lambda: open_process(strategy), "a process")
    usage = {k: v for k, v in row.resource_usage.items() if k != "create_time"}
    await StrategyProcess.objects.filter(pk=row.pk).aupdate(
        pid=None, resource_usage=usage
    )

    async with supervising():
        again = await adopted(strategy)
        assert again.pk == row.pk
        assert again.pid == row.pid


@pytest.fixture
def passable_home(settings: Any) -> Iterator[Path]:
    """A home that every user may pass through, as on a server."""
    home = Path(tempfile.mkdtemp(prefix="btcw-home-", dir="/var/tmp"))
    home.chmod(0o711)
    settings.BTCW_HOME = home
    yield home
    shutil.rmtree(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users")
async def test_bots_of_root_run_as_a_user_of_their_own(
    passable_home: Path, real_freqtrade: InstalledFreqtrade
) -> None:
    if not open_to_all(real_freqtrade.python):
        pytest.skip("the test environment of freqtrade lies where no other user may go")
    strategy = await started(await sync_to_async(odd)())

    async with supervising():
        await until(lambda: is_running(strategy), "running")
        row = await until(lambda: open_process(strategy), "a process")
        process = psutil.Process(row.pid)
        assert row.resource_usage["own_user"] is True
        assert 0 not in process.uids()
        assert 0 not in process.gids()
        await until(Signal.objects.exists, "signals")

    folder = passable_home / "bots" / str(strategy.pk)
    assert folder.stat().st_uid != 0
    assert folder.stat().st_mode & 0o777 == 0o700


OUTAGE = timedelta(minutes=5)


@pytest.mark.timeout(900)
async def test_five_minutes_without_the_exchange_lose_nothing_and_flood_nobody(
    exchange: SimulatedExchange,
) -> None:
    await sync_to_async(mail_channel)()
    strategy = await started(await sync_to_async(odd)())

    async with supervising():
        await until(lambda: is_running(strategy), "running")
        process = await until(lambda: open_process(strategy), "a process")
        began = timezone.now()
        exchange.set_fault("500")
        await until(lambda: timezone.now() > began + OUTAGE, "five minutes", 400)
        exchange.set_fault(None)
        over = timezone.now()
        await until(
            lambda: Signal.objects.filter(timestamp__gt=over).exists(), "signals", 200
        )
        await until(lambda: is_running(strategy), "running again", 200)
        again = await until(lambda: open_process(strategy), "the same process")
        assert again.pid == process.pid

    pairs = len(strategy.config["pairs"])
    missed = await sync_to_async(
        lambda: list(Signal.objects.filter(timestamp__range=(began, over)))
    )()
    # Five closes, every other of them marked, for each pair.
    assert len(missed) >= 2 * pairs
    late = [row for row in missed if row.metadata.get("late")]
    assert late
    told = await sync_to_async(
        lambda: set(
            Notification.objects.filter(
                signal_id__in=[row.id for row in late]
            ).values_list("signal_id", flat=True)
        )
    )()
    assert told == set()


def mail_channel() -> NotificationChannel:
    return NotificationChannel.objects.create(
        name="mail", type="email", config={"host": "127.0.0.1", "to": ["a@example.org"]}
    )


async def test_the_port_of_a_bot_stays_its_own_while_it_runs() -> None:
    strategy = await started(await sync_to_async(odd)())
    async with supervising():
        await until(partial(is_running, strategy), "running")
        identity = bot_folder_read(records.bot_folder(strategy.pk))
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{identity.port}/api/v1/show_config"
            async with session.get(url) as stranger:
                assert stranger.status == 401

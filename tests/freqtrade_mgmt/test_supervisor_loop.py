"""The supervisor's loop with bots that are no freqtrade: what must not stop it."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.db import DataError, OperationalError, connections

from freqtrade_mgmt.bot_config import BotCredentials, BotIdentity, BotPaths
from freqtrade_mgmt.supervisor import ending, records
from freqtrade_mgmt.supervisor.bots import Bot, Life
from freqtrade_mgmt.supervisor.launch import Launch
from freqtrade_mgmt.supervisor.local_release import LocalReleases
from freqtrade_mgmt.supervisor.plan import Phase
from freqtrade_mgmt.supervisor.processes import BotProcess, free_port
from freqtrade_mgmt.supervisor.service import Supervisor
from strategies.models import Strategy, StrategyProcess
from strategies.services import process_started, strategy_start, strategy_stop
from tests.freqtrade_mgmt.supervising import demo, reason_of, state_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from freqtrade_mgmt.supervisor.processes import AnyProcess

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path) -> None:
    settings.BTCW_HOME = tmp_path
    # The bots of these tests are processes of their own.
    settings.RUNNERS = False


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    """A supervisor whose loop the test turns."""
    made = Supervisor()
    yield made
    for bot in made._bots.values():
        await bot.leave()
        bot.process.kill()
        await asyncio.to_thread(reap, bot.process)
    await made._in_thread(connections.close_all)
    made._thread.shutdown()
    made._intake.close()


def reap(process: AnyProcess) -> None:
    while process.alive():
        time.sleep(0.01)


async def wanted(number: int = 0) -> Strategy:
    strategy = await sync_to_async(demo)(number)
    await sync_to_async(strategy_start)(strategy.pk)
    return strategy


async def running(supervisor: Supervisor, strategy: Strategy, folder: Path) -> Bot:
    """Put a process in the place of a strategy's bot, proven already."""
    (folder / "logs").mkdir(parents=True)
    paths = BotPaths.of(folder)
    process = BotProcess.start(
        ["/bin/sleep", "600"], folder=folder, environment={}, console=paths.console
    )
    row = await sync_to_async(process_started)(strategy.pk, details={})
    await sync_to_async(records.known)(row.pk, process.key)
    watched, _newest = await sync_to_async(records.watched)(strategy.pk)
    wishes = await sync_to_async(records.wishes)()
    identity = BotIdentity(BotCredentials.random(), free_port(), "btcw")
    life = Life(
        process, row.pk, paths, identity, revision=wishes.up.get(strategy.pk, "")
    )
    bot = supervisor._bots[strategy.pk] = Bot(watched, life)
    return bot


def failing_once(function: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    left = [error]

    def call(*args: Any, **kwargs: Any) -> Any:
        if left:
            raise left.pop()
        return function(*args, **kwargs)

    return call


def believe(monkeypatch: pytest.MonkeyPatch, *, proven: bool) -> None:
    monkeypatch.setattr(Bot, "proven", property(lambda _bot: proven))


async def test_a_state_that_the_database_did_not_take_is_told_to_it_again(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    strategy = await wanted()
    await running(supervisor, strategy, tmp_path / "bot")
    away = OperationalError("away")

    believe(monkeypatch, proven=True)
    monkeypatch.setattr(records, "proven", failing_once(records.proven, away))
    await supervisor._tick()
    assert await sync_to_async(state_of)(strategy) == "starting"
    await supervisor._tick()
    assert await sync_to_async(state_of)(strategy) == "running"

    believe(monkeypatch, proven=False)
    monkeypatch.setattr(records, "restarting", failing_once(records.restarting, away))
    await supervisor._tick()
    assert await sync_to_async(state_of)(strategy) == "running"
    await supervisor._tick()
    assert await sync_to_async(state_of)(strategy) == "starting"
    assert "candles" in await sync_to_async(reason_of)(strategy)


async def test_a_bot_that_is_replaced_is_not_said_to_run(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    strategy = await wanted()
    bot = await running(supervisor, strategy, tmp_path / "bot")
    believe(monkeypatch, proven=True)
    await supervisor._tick()
    assert await sync_to_async(state_of)(strategy) == "running"

    await Strategy.objects.filter(pk=strategy.pk).aupdate(version="v1.1")
    bot.process.terminate = lambda: None  # type: ignore[method-assign]
    await supervisor._tick()

    assert bot.phase is Phase.STOPPING
    assert bot.process.alive()
    assert await sync_to_async(state_of)(strategy) == "starting"


async def test_a_strategy_whose_row_has_gone_ends_nobody_else(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone, other = await wanted(0), await wanted(1)
    for strategy in (gone, other):
        await running(supervisor, strategy, tmp_path / str(strategy.pk))
    believe(monkeypatch, proven=True)
    await supervisor._tick()
    await sync_to_async(lambda: Strategy.objects.filter(pk=gone.pk).delete())()

    async with asyncio.timeout(20):
        while gone.pk in supervisor._bots:
            await supervisor._tick()
            await asyncio.sleep(0.02)
    assert await sync_to_async(state_of)(other) == "running"

    # And as an earlier supervisor left it.
    row = await sync_to_async(process_started)(other.pk, details={"run": "x"})
    await StrategyProcess.objects.filter(pk=row.pk).aupdate(strategy=None)
    await supervisor._adopt_all()
    open_rows = StrategyProcess.objects.filter(stop_time=None).exclude(strategy=other)
    assert not await open_rows.aexists()


async def test_what_the_database_refuses_of_one_strategy_keeps_nobody_from_starting(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = await wanted(0), await wanted(1)
    tried: list[int] = []

    def job(strategy_id: int) -> Any:
        tried.append(strategy_id)
        raise DataError("refused")

    monkeypatch.setattr(records, "job", job)
    for _ in range(3):
        await supervisor._tick()

    assert sorted(tried) == sorted([bad.pk, good.pk])
    assert await sync_to_async(state_of)(bad) == "error"


async def test_a_start_that_comes_to_nothing_leaves_no_open_process(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = await wanted()
    row = await sync_to_async(process_started)(strategy.pk, details={})

    class Broken:
        as_root = False

        def record(self) -> StrategyProcess:
            return row

        def start(self) -> BotProcess:
            raise OSError("no process can be made")

    def prepare(*_arguments: object) -> Broken:
        return Broken()

    job = type("J", (), {"watched": row, "way": None, "hosted": False})
    monkeypatch.setattr(records, "job", lambda _id: job)
    monkeypatch.setattr(Supervisor, "_check_memory", lambda *_a: None)
    monkeypatch.setattr(Launch, "prepare", prepare)

    async def found(_self: LocalReleases, job: Any) -> Any:
        return job

    monkeypatch.setattr(LocalReleases, "found", found)
    row.name = "a name"  # type: ignore[attr-defined]
    await supervisor._tick()
    await supervisor._tick()

    assert await sync_to_async(state_of)(strategy) == "error"
    await row.arefresh_from_db()
    assert row.stop_time is not None


async def test_a_bot_that_ends_already_gets_no_second_signal_at_the_end(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    strategy = await wanted()
    bot = await running(supervisor, strategy, tmp_path / "bot")
    believe(monkeypatch, proven=True)
    await supervisor._tick()
    sent: list[int] = []
    bot.process.terminate = lambda: sent.append(signal.SIGTERM)  # type: ignore[method-assign]
    await sync_to_async(strategy_stop)(strategy.pk)
    await supervisor._tick()
    monkeypatch.setattr(ending, "STOP_DEADLINE", 0.0)

    await supervisor._end_all()

    assert sent == [signal.SIGTERM]
    assert not bot.process.alive()


async def test_what_bots_print_is_cut_without_a_database_as_well(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    strategy = await wanted()
    bot = await running(supervisor, strategy, tmp_path / "bot")
    console = bot.life.paths.console
    console.write_bytes(b"x" * 5_100_000)

    def away() -> None:
        raise OperationalError("away")

    monkeypatch.setattr(records, "wishes", away)
    await supervisor._tick()

    assert console.stat().st_size == 0


async def test_the_reason_of_an_end_holds_no_secret(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    strategy = await wanted()
    bot = await running(supervisor, strategy, tmp_path / "bot")
    paths, password = bot.life.paths, bot.life.identity.credentials.password
    paths.log.write_text(
        "x - freqtrade - ERROR - 407, message='no', url='http://me:s3cret@proxy:1'"
        f" {password}\n"
    )

    words = bot.last_words()[1]

    assert "407" in words
    assert "s3cret" not in words
    assert password not in words


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)

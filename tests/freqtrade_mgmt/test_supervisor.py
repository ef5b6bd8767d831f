"""The supervisor with real freqtrade and the simulated exchange."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from freqtrade_mgmt.bot_config import bot_folder_read
from freqtrade_mgmt.demo import DEMO_STRATEGIES, demo_source
from freqtrade_mgmt.supervisor import bots, plan, records, service
from freqtrade_mgmt.supervisor.client import BotClient
from freqtrade_mgmt.supervisor.frames import candle_candidates
from freqtrade_mgmt.supervisor.processes import Port
from signals_app.models import Signal
from strategies.models import Strategy, StrategyProcess
from strategies.services import strategy_start, strategy_stop
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
    from pathlib import Path
    from uuid import UUID

    from freqtrade_mgmt.simulator.server import SimulatedExchange

pytestmark = [
    pytest.mark.freqtrade,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("system"),
]


async def test_wanted_strategies_run_and_their_signals_are_stored(
    tmp_path: Path,
) -> None:
    first, second = await sync_to_async(lambda: (demo(0), demo(1)))()
    for strategy in (first, second):
        await sync_to_async(strategy_start)(strategy.pk)

    async with supervising():
        for strategy in (first, second):
            await until(partial(is_running, strategy), "running")
        process = await until(lambda: open_process(first), "a process")
        await until(lambda: Signal.objects.count() > 5, "signals")

        assert psutil.Process(process.pid).cmdline()[1:4] == ["-I", "-m", "freqtrade"]
        config = tmp_path / "bots" / str(first.pk) / "config.json"
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
        environment = psutil.Process(process.pid).environ()
        assert environment.keys() <= {"PATH", "HOME", "LANG", "LC_CTYPE", "BTCW_RUN"}

        await sync_to_async(strategy_stop)(first.pk)
        await until(lambda: state_of(first) == "stopped", "stopping")
        assert is_gone(process.pid)

    signal_row = await sync_to_async(Signal.objects.order_by("timestamp").first)()
    assert signal_row is not None
    assert signal_row.exchange == "simulated"
    assert signal_row.metadata["strength_source"] == "column"
    assert "signal_strength" in signal_row.indicators
    # The second was not asked to stop: it is wanted at the next start.
    assert await sync_to_async(state_of)(second) == "running"
    assert await sync_to_async(open_process)(second) is None


async def test_a_bad_strategy_class_is_an_error_in_words() -> None:
    # Before the class: an import that fails behind it is only a warning to freqtrade.
    code = demo_source(DEMO_STRATEGIES[0]).replace(
        "\nclass ", "\nimport no_such_module\n\nclass ", 1
    )
    bad = await sync_to_async(demo)(0, code=code)
    await sync_to_async(strategy_start)(bad.pk)

    async with supervising():
        await until(lambda: state_of(bad) == "error", "the error")

    reason = await sync_to_async(
        lambda: Strategy.objects.get(pk=bad.pk).health_metrics["reason"]
    )()
    assert "no_such_module" in reason or "Impossible to load Strategy" in reason


async def test_one_strategy_that_cannot_be_run_does_not_touch_the_others() -> None:
    good = await sync_to_async(demo)(0)
    bad = await sync_to_async(demo)(1)
    # Past the services' checks, as somebody with psql may write it.
    await Strategy.objects.filter(pk=bad.pk).aupdate(config=bad.config | {"pairs": []})
    for strategy in (bad, good):
        await sync_to_async(strategy_start)(strategy.pk)

    async with supervising():
        await until(lambda: state_of(bad) == "error", "the error")
        await until(lambda: is_running(good), "running")


async def test_a_port_that_somebody_took_meanwhile_is_given_up_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stolen = Port()
        stolen.number = taken.getsockname()[1]
        ports = iter([stolen])
        monkeypatch.setattr(plan, "START_DEADLINE", 12.0)
        monkeypatch.setattr(service, "Port", lambda: next(ports, None) or Port())
        strategy = await sync_to_async(demo)(0)
        await sync_to_async(strategy_start)(strategy.pk)

        async with supervising():
            await until(lambda: is_running(strategy), "running", 90)
            ended = await until(
                lambda: (
                    StrategyProcess.objects.filter(strategy=strategy)
                    .exclude(stop_time=None)
                    .last()
                ),
                "the first try",
            )

    assert "analysed nothing" in ended.resource_usage["reason"]


async def test_a_strategy_that_names_a_real_exchange_never_reaches_the_simulated_one(
    exchange: SimulatedExchange,
) -> None:
    real = await sync_to_async(demo)(0, exchange="binance")
    real.freqtrade_config = {
        "exchange": {"ccxt_config": {"urls": {"api": {"public": exchange.url}}}}
    }
    await sync_to_async(real.save)()
    await sync_to_async(strategy_start)(real.pk)

    async with supervising():
        await until(lambda: state_of(real) == "error", "the refusal", 20)

    assert sum(exchange.hits.values()) == 0


async def test_a_killed_bot_is_started_again_and_misses_nothing() -> None:
    strategy = await sync_to_async(demo)(0)
    await sync_to_async(strategy_start)(strategy.pk)

    async with supervising():
        await until(lambda: is_running(strategy), "running")
        first = await until(lambda: open_process(strategy), "a process")
        os.kill(first.pid, signal.SIGKILL)
        await until(lambda: state_of(strategy) == "starting", "noticing")
        await until(lambda: is_running(strategy), "running again")
        second = await until(lambda: open_process(strategy), "a process")

    assert second.pid != first.pid
    ended = await sync_to_async(StrategyProcess.objects.get)(pk=first.pk)
    assert "signal 9" in ended.resource_usage["reason"]


async def test_an_exchange_that_is_down_is_waited_for(
    exchange: SimulatedExchange,
) -> None:
    exchange.set_fault("500")
    strategy = await sync_to_async(demo)(0)
    await sync_to_async(strategy_start)(strategy.pk)

    async with supervising():
        await until(
            lambda: (
                "Could not load markets"
                in Strategy.objects.get(pk=strategy.pk).health_metrics.get("reason", "")
            ),
            "the reason",
        )
        assert await sync_to_async(state_of)(strategy) == "starting"
        exchange.set_fault(None)
        await until(lambda: is_running(strategy), "running")


async def test_an_exchange_that_hangs_is_seen_and_what_closed_meanwhile_is_fetched(
    exchange: SimulatedExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The newest closed candle of a healthy 1m bot was opened at most 122 s ago.
    monkeypatch.setattr(bots, "FRESH_CANDLES", 2)
    monkeypatch.setattr(bots, "GRACE_MS", 6_000)
    monkeypatch.setattr(plan, "START_DEADLINE", 600.0)
    strategy = await sync_to_async(demo)(0)
    await sync_to_async(strategy_start)(strategy.pk)

    async with supervising():
        await until(lambda: is_running(strategy), "running")
        process = await until(lambda: open_process(strategy), "a process")
        exchange.set_fault("hang")
        await until(lambda: state_of(strategy) == "starting", "the doubt", 120)
        exchange.set_fault(None)
        await until(lambda: is_running(strategy), "running again", 150)
        again = await until(lambda: open_process(strategy), "the same process")
        assert again.pid == process.pid
        missing = await until_none_is_missing(strategy)

    assert missing == set()


async def until_none_is_missing(strategy: Strategy) -> set[UUID]:
    """Compare the bot's own frames with the database until they agree."""
    identity = bot_folder_read(records.bot_folder(strategy.pk))
    watched, _ = await sync_to_async(records.watched)(strategy.pk)
    oldest = timezone.now() - timedelta(minutes=20)
    missing: set[UUID] = set()
    for _ in range(50):
        marks = set()
        async with BotClient(identity.port, identity.credentials) as client:
            for pair in await client.pairs():
                frame = await client.candles(pair, "1m", 20)
                for candle in frame.candles:
                    found = candle_candidates(candle, watched, "oracle")
                    marks |= {c.identifier for c in found if c.timestamp > oldest}
        rows = Signal.objects.filter(timestamp__gte=oldest).values_list("id", flat=True)
        missing = marks - {identifier async for identifier in rows.aiterator()}
        if not missing:
            break
        await asyncio.sleep(0.2)
    return missing


async def test_a_bot_outlives_a_killed_supervisor_and_is_adopted(
    settings: Any,
) -> None:
    strategy = await sync_to_async(demo)(0)
    await sync_to_async(strategy_start)(strategy.pk)
    with supervisor_of_its_own(settings):
        await until(lambda: is_running(strategy), "running")
    left = await until(lambda: open_process(strategy), "a process")
    before = await sync_to_async(Signal.objects.count)()
    assert not is_gone(left.pid)

    async with supervising():
        taken = await adopted(strategy)
        assert (taken.pk, taken.pid) == (left.pk, left.pid)

    assert is_gone(left.pid)
    assert await sync_to_async(Signal.objects.count)() >= before

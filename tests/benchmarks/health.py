"""Health: one round over 100 strategies, beside bare requests to the same bots.

The bots are a process of its own on loopback, with folders and logs as real ones have.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import aiohttp
import psutil
from django.conf import settings
from django.db import connection
from django.utils import timezone

from freqtrade_mgmt.bot_config import BotPaths, bot_folder_read
from freqtrade_mgmt.health.round import Figures, strategy_health_round
from freqtrade_mgmt.health.usual import SignalCounter
from freqtrade_mgmt.supervisor.records import bot_folder
from strategies.models import Strategy, StrategyProcess
from tests.benchmarks.output import median, quick, report
from tests.freqtrade_mgmt.fake_bots import bots_process, folder_make, free_ports

if TYPE_CHECKING:
    from freqtrade_mgmt.bot_config import BotIdentity

BOTS, PAIRS = 100, tuple(f"P{number}/USDT" for number in range(20))
SIGNALS_A_DAY = 50
LOG_LINES = 800
MEMORY_ROUNDS = 50
MB = 1_000_000


def make_strategies() -> list[Strategy]:
    """Store running strategies with folders, logs and eight days of signals."""
    now = timezone.now()
    config = {"exchange": "binance", "pairs": list(PAIRS), "timeframe": "5m"}
    strategies = Strategy.objects.bulk_create(
        Strategy(
            name=f"bench {number}",
            status="running",
            config={**config, "code": "#" * 6_000},
            created_at=now - timedelta(days=20),
        )
        for number in range(BOTS)
    )
    for strategy, port in zip(strategies, free_ports(BOTS), strict=True):
        paths = folder_make(bot_folder(strategy.pk), strategy.pk, PAIRS, port)
        paths.log.write_text(log_text())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO signals (timestamp, strategy_id, strategy_name, pair, exchange,"
            " timeframe, signal_type, strength_raw, strength_level, priority, price)"
            " SELECT now() - random() * interval '8 days', s.id, s.name, 'BTC/USDT',"
            " 'binance', '5m', 'BUY', 80, 'strong', 'P0', 100"
            " FROM strategies s, generate_series(1, %s)",
            [8 * SIGNALS_A_DAY],
        )
        cursor.execute("ANALYZE")
    return strategies


def log_text() -> str:
    """Return a log that is longer than what a round reads of it, with some warnings."""
    now = timezone.now()
    lines = []
    for number in range(LOG_LINES):
        moment = now - timedelta(seconds=LOG_LINES - number)
        level = "WARNING" if random.random() < 0.1 else "INFO"  # noqa: S311 - a log
        lines.append(
            f"{moment:%Y-%m-%d %H:%M:%S},001 - freqtrade.worker - {level} - Bot"
            " heartbeat. PID=14988, version='2026.9', state='RUNNING' and so on"
        )
    return "\n".join(lines) + "\n"


def processes_open(strategies: list[Strategy], pid: int) -> None:
    """Record the one process of all bots for every strategy."""
    created = psutil.Process(pid).create_time()
    StrategyProcess.objects.bulk_create(
        StrategyProcess(
            strategy=strategy,
            pid=pid,
            status="running",
            start_time=timezone.now() - timedelta(hours=1),
            resource_usage={"create_time": created},
        )
        for strategy in strategies
    )


def one_round(counter: SignalCounter) -> Figures:
    """Let every pair have a fresh candle and a heartbeat, then do a round."""
    now = timezone.now()
    opened = int((now.timestamp() - 320) * 1000)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE strategies SET health_metrics = health_metrics || jsonb_build_object("
            " 'last_candles', (SELECT jsonb_object_agg(pair, %s)"
            " FROM jsonb_array_elements_text(config -> 'pairs') AS pair))",
            [opened],
        )
        cursor.execute("UPDATE strategy_processes SET last_heartbeat = now()")
    figures = strategy_health_round(now, counter)
    assert figures.alive == figures.good == BOTS, figures
    return figures


async def bare(identities: list[BotIdentity]) -> float:
    """Return how long three plain requests to each bot take, all at once."""

    async def ask(session: aiohttp.ClientSession, identity: BotIdentity) -> None:
        who = identity.credentials
        login = {"Authorization": aiohttp.encode_basic_auth(who.username, who.password)}
        for path in ("show_config", "health", "whitelist"):
            url = f"http://127.0.0.1:{identity.port}/api/v1/{path}"
            async with session.get(url, headers=login) as answer:
                await answer.read()

    started = time.perf_counter()
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0)
    ) as session:
        await asyncio.gather(*(ask(session, identity) for identity in identities))
    return time.perf_counter() - started


def main() -> None:
    """Measure rounds and bare requests in turn, then the memory of many rounds."""
    strategies = make_strategies()
    identities = [bot_folder_read(bot_folder(strategy.pk)) for strategy in strategies]
    counter = SignalCounter()
    rounds, counting, bares = [], [], []
    with bots_process(settings.BTCW_HOME / "bots") as child:
        processes_open(strategies, child.pid)
        counting.append(one_round(counter).seconds)
        for _ in range(5 if quick() else 15):
            rounds.append(one_round(counter).seconds)
            bares.append(asyncio.run(bare(identities)))
        before = resident()
        for _ in range(MEMORY_ROUNDS):
            one_round(counter)
        after = resident()
    report(
        "health",
        strategies=BOTS,
        pairs_each=len(PAIRS),
        round_seconds_median=median(rounds),
        round_seconds_worst=max(rounds),
        first_round_seconds=counting[0],
        bare_requests_seconds_median=median(bares),
        ratio=median([r / b for r, b in zip(rounds, bares, strict=True)]),
        memory_mb_before=before,
        memory_mb_after_50_rounds=after,
        log_bytes_each=BotPaths.of(bot_folder(strategies[0].pk)).log.stat().st_size,
        goal="at most 2 s, constant memory",
        repetitions=len(rounds),
    )


def resident() -> float:
    """Return the resident memory of this process in MB."""
    return round(psutil.Process().memory_info().rss / MB, 1)

"""Latency: one signal at a time, from the collector's receipt to a WebSocket client.

Beside it, in the same run: one bare commit and one Redis round trip.
"""

from __future__ import annotations

import asyncio
import gc
import secrets
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import psycopg
import redis
import requests
import websockets
from asgiref.sync import sync_to_async
from django.conf import settings

from accounts.models import User
from btc_watcher.env import env
from freqtrade_mgmt.supervisor.frames import (
    Watched,
    candle_candidates,
    message_candles,
)
from freqtrade_mgmt.supervisor.intake import IntakeQueue, Seen
from tests.benchmarks.output import median, percentile, quick, report
from tests.benchmarks.setting import make_strategies
from tests.e2e.system import WebServer

PER_SECOND = 20
CANDLE_MS = 60_000


def login(url: str) -> str:
    """Log a new person in and return their cookies, as a header has them."""
    name, password = f"bench-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    User.objects.create_user(name, password)
    with requests.Session() as session:
        session.get(f"{url}/login/", timeout=10)
        answer = session.post(
            f"{url}/login/",
            data={
                "username": name,
                "password": password,
                "csrfmiddlewaretoken": session.cookies["btcw_csrf"],
            },
            headers={"Referer": f"{url}/login/"},
            timeout=10,
        )
        answer.raise_for_status()
        return "; ".join(f"{name}={value}" for name, value in session.cookies.items())


def message(number: int) -> bytes:
    """Return what a bot says about a candle that has just closed."""
    now = int(time.time() * 1000)
    row = {
        "date": now - CANDLE_MS,
        "open": 100.0,
        "close": 100.5,
        "rsi": 61.2,
        "signal_strength": 85.0,
        "enter_long": 1,
        "enter_tag": "bench",
    }
    value = {"columns": list(row), "index": [0], "data": [list(row.values())]}
    frame = {"__type__": "dataframe", "__value__": orjson.dumps(value).decode()}
    data = {"key": [f"L{number}/USDT", "1m", "spot"], "df": frame}
    return orjson.dumps({"type": "analyzed_df", "data": data})


def bare_seconds(count: int) -> list[float]:
    """Return the times of one bare commit of one row plus one Redis round trip."""
    times = []
    client = redis.Redis.from_url(settings.REDIS_URL)
    with psycopg.connect(env.str("DATABASE_URL"), autocommit=True) as bare:
        bare.execute("CREATE TABLE bare (id serial PRIMARY KEY, note text)")
        for _ in range(count):
            started = time.perf_counter()
            bare.execute("INSERT INTO bare (note) VALUES (%s)", ["x" * 400])
            client.ping()
            times.append(time.perf_counter() - started)
            time.sleep(1 / PER_SECOND)
    client.close()
    return times


async def measure(
    url: str, cookies: str, strategy: tuple[int, str], count: int
) -> list[float]:
    """Return the seconds from receipt to frame, for each of ``count`` signals."""
    watched = Watched(
        strategy_id=strategy[0],
        name=strategy[1],
        version="v1.0",
        exchange="binance",
        timeframe="1m",
    )
    sent: dict[str, float] = {}
    times: list[float] = []
    intake = IntakeQueue()
    writer = asyncio.create_task(intake.run())
    address = url.replace("http://", "ws://") + "/ws/signals/"

    async def listen(socket: websockets.ClientConnection) -> None:
        while len(times) < count:
            event = orjson.loads(await socket.recv())["event"]
            if event["type"] == "signal":
                pair = event["signal"]["pair"]
                times.append(time.perf_counter() - sent[pair])

    async with websockets.connect(
        address, additional_headers={"Cookie": cookies}, origin=websockets.Origin(url)
    ) as socket:
        # The subscription is complete when a first event has come back.
        listener = asyncio.create_task(listen(socket))
        await asyncio.sleep(1)
        for number in range(count):
            text = message(number)
            started = time.perf_counter()
            (candle,) = message_candles(text, "1m")
            sent[candle.pair] = started
            candidates = candle_candidates(candle, watched, "live")
            await intake.submit(
                Seen(strategy[0], {candle.pair: candle.open_ms}, candidates)
            )
            await asyncio.sleep(1 / PER_SECOND)
        await asyncio.wait_for(listener, 30)
    writer.cancel()
    await sync_to_async(intake.close)()
    return times


def main() -> None:
    """Measure and print."""
    count = 100 if quick() else 400
    strategy = make_strategies()[0]
    with TemporaryDirectory() as folder:
        variables = dict(env.ENVIRON)
        server = WebServer(variables, Path(folder) / "web.log").start()
        try:
            cookies = login(server.url)
            gc.freeze()
            bare = bare_seconds(count // 2)
            times = asyncio.run(measure(server.url, cookies, strategy, count))[10:]
            bare += bare_again(count // 2)
        finally:
            server.stop()
    reference = median(bare)
    report(
        "latency",
        signals=len(times),
        per_second=PER_SECOND,
        p50_ms=percentile(times, 0.5) * 1000,
        p99_ms=percentile(times, 0.99) * 1000,
        bare_commit_and_ping_p50_ms=reference * 1000,
        bare_commit_and_ping_p99_ms=percentile(bare, 0.99) * 1000,
        ratio_of_p99_to_bare_p50=percentile(times, 0.99) / reference,
        ratio_of_p99_to_bare_p99=percentile(times, 0.99) / percentile(bare, 0.99),
        goal="p99 at most 5 x bare",
    )


def bare_again(count: int) -> list[float]:
    """Measure the bare reference a second time, after the signals."""
    with psycopg.connect(env.str("DATABASE_URL"), autocommit=True) as bare:
        bare.execute("DROP TABLE bare")
    return bare_seconds(count)

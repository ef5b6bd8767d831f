"""The three demonstration strategies on real freqtrade and the simulated exchange."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests

from freqtrade_mgmt.bot_config import (
    SIMULATED,
    BotCredentials,
    BotSpec,
    bot_command,
    bot_environment,
    bot_folder_write,
)
from freqtrade_mgmt.demo import DEMO_STRATEGIES, DemoStrategy, demo_source
from freqtrade_mgmt.simulator import SimulatedExchange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freqtrade_mgmt.bot_config import BotPaths
    from freqtrade_mgmt.installer import InstalledFreqtrade

pytestmark = [pytest.mark.freqtrade, pytest.mark.timeout(600)]
MARKS = ("enter_long", "exit_long")


@dataclass
class RunningBot:
    """A bot of ours with the process that it runs in."""

    demo: DemoStrategy
    paths: BotPaths
    credentials: BotCredentials
    port: int
    process: subprocess.Popen[bytes]

    def ask(self, path: str, **query: Any) -> Any:
        """Return what its REST API answers."""
        answer = requests.get(
            f"http://127.0.0.1:{self.port}/api/v1/{path}",
            params=query,
            auth=(self.credentials.username, self.credentials.password),
            timeout=10,
        )
        answer.raise_for_status()
        return answer.json()

    def rows(self, pair: str) -> list[dict[str, Any]]:
        """Return its analysed candles of a pair, oldest first, without the warm-up."""
        frame = self.ask("pair_candles", pair=pair, timeframe="1m", limit=999)
        return [dict(zip(frame["columns"], row, strict=True)) for row in frame["data"]][
            60:
        ]

    def wait_until_analysed(self, seconds: float = 90) -> None:
        """Return when all pairs have a frame; fail with its log when it ends before."""
        deadline = time.monotonic() + seconds
        missing = set(self.demo.pairs)
        while missing:
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            try:
                missing = {pair for pair in missing if not self.rows(pair)}
            except requests.ConnectionError:
                missing = set(self.demo.pairs)
            time.sleep(0.1)

    def log(self) -> str:
        """Return what it wrote."""
        parts = (self.paths.console, self.paths.log)
        return "".join(path.read_text() for path in parts if path.exists())


@pytest.fixture(scope="module")
def exchange() -> Iterator[SimulatedExchange]:
    with SimulatedExchange() as exchange:
        yield exchange


@pytest.fixture(scope="module")
def bots(
    real_freqtrade: InstalledFreqtrade,
    exchange: SimulatedExchange,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[list[RunningBot]]:
    root = tmp_path_factory.mktemp("bots")
    running: list[RunningBot] = []
    try:
        for number, demo in enumerate(DEMO_STRATEGIES, start=1):
            spec = BotSpec(
                strategy_id=number,
                name=demo.name,
                class_name=demo.class_name,
                code=demo_source(demo),
                exchange=SIMULATED,
                pairs=demo.pairs,
                timeframe=demo.timeframe,
                stake_currency="USDT",
            )
            credentials, port = BotCredentials.random(), free_port()
            folder = root / str(number)
            paths = bot_folder_write(folder, spec, credentials, port, exchange.url)
            with paths.console.open("wb") as console:
                process = subprocess.Popen(
                    bot_command(real_freqtrade.python, paths),
                    cwd=paths.folder,
                    env=bot_environment(paths),
                    stdin=subprocess.DEVNULL,
                    stdout=console,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            running.append(RunningBot(demo, paths, credentials, port, process))
        for bot in running:
            bot.wait_until_analysed()
        yield running
    finally:
        for bot in running:
            end(bot.process)


def test_each_strategy_runs_on_real_freqtrade_as_a_paper_bot(
    bots: list[RunningBot], real_freqtrade: InstalledFreqtrade
) -> None:
    for number, bot in enumerate(bots, start=1):
        shown = bot.ask("show_config")
        assert shown["version"] == real_freqtrade.version
        assert shown["strategy"] == bot.demo.class_name
        assert shown["bot_name"] == f"btcw-{number}"
        assert shown["state"] == "running"
        assert shown["dry_run"] is True
        assert shown["max_open_trades"] == 0
        assert "ERROR" not in bot.log()


def test_marks_come_often_but_not_on_every_candle(bots: list[RunningBot]) -> None:
    for bot in bots:
        for pair in bot.demo.pairs:
            rows = bot.rows(pair)
            assert len(rows) > 900
            share = {
                mark: sum(row[mark] == 1 for row in rows) / len(rows) for mark in MARKS
            }
            assert 0.02 < share["enter_long"] < 0.35, (bot.demo.name, pair, share)
            assert 0.02 < share["exit_long"] < 0.35, (bot.demo.name, pair, share)


def test_several_signals_of_mixed_strength_fall_into_two_minutes(
    bots: list[RunningBot],
) -> None:
    marked = [
        row
        for bot in bots
        for pair in bot.demo.pairs
        for row in bot.rows(pair)
        if any(row[mark] == 1 for mark in MARKS)
    ]
    per_window: dict[int, int] = {}
    for row in marked:
        window = row["__date_ts"] // 120_000
        per_window[window] = per_window.get(window, 0) + 1
    windows = max(per_window) - min(per_window) + 1
    assert 3 < len(marked) / windows < 10
    assert sum(count >= 2 for count in per_window.values()) / windows > 0.85
    strengths = [row["signal_strength"] for row in marked]
    assert all(0 <= strength <= 100 for strength in strengths)
    shares = {
        "strong": sum(s >= 80 for s in strengths) / len(strengths),
        "medium": sum(50 <= s < 80 for s in strengths) / len(strengths),
        "weak": sum(20 <= s < 50 for s in strengths) / len(strengths),
    }
    assert all(share > 0.08 for share in shares.values()), shares


def test_every_mark_has_a_tag_a_strength_and_its_indicators(
    bots: list[RunningBot],
) -> None:
    for bot in bots:
        for row in bot.rows(bot.demo.pairs[0]):
            assert not (row["enter_long"] == 1 and row["exit_long"] == 1)
            for mark, tag in (("enter_long", "enter_tag"), ("exit_long", "exit_tag")):
                assert bool(row[tag]) == (row[mark] == 1)
            assert all(value is not None for value in indicators(row).values())


def test_no_token_reaches_a_log(bots: list[RunningBot]) -> None:
    bot = bots[0]
    token = bot.credentials.ws_token
    with socket.create_connection(("127.0.0.1", bot.port), timeout=10) as client:
        client.sendall(
            f"GET /api/v1/message/ws?token={token} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert b"101" in client.recv(100)
    bot.ask("ping")
    assert token not in bot.log()
    assert bot.credentials.password not in bot.log()
    assert token not in str(bot.ask("logs", limit=500))


def test_freqtrade_asks_only_for_what_the_simulated_exchange_has(
    bots: list[RunningBot], exchange: SimulatedExchange
) -> None:
    assert bots
    asked = set(exchange.hits)
    known = {"exchangeInfo", "time", "klines", "ticker/24hr", "depth", "ping"}
    assert {"exchangeInfo", "klines"} <= asked <= known


def indicators(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that are neither the candle nor marks."""
    candle = {"date", "open", "high", "low", "close", "volume"}
    marks = {*MARKS, "enter_tag", "exit_tag"}
    return {
        name: value
        for name, value in row.items()
        if name not in candle | marks and not name.startswith("_")
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask once, as freqtrade wants it, then insist."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

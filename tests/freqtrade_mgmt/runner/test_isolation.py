"""A strategy that raises, hangs, eats memory or ends its process goes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.freqtrade_mgmt.runner.running import Face, RunningRunner, wait_until
from tests.freqtrade_mgmt.runner.sources import plain, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from freqtrade_mgmt.simulator import SimulatedExchange


pytestmark = [pytest.mark.freqtrade, pytest.mark.timeout(600)]
GOOD = (1, 2)

WORK = """
{top}
    def populate_indicators(self, dataframe, metadata):
        dataframe["ema"] = ta.EMA(dataframe, timeperiod=9)
        {work}
        return dataframe
"""


def bad(work: str = "pass", top: str = "") -> str:
    """Return a strategy that does something in its analysis, or in its class."""
    return source(WORK.format(work=work, top=top))


@dataclass(frozen=True)
class Case:
    """A strategy that cannot stay, and how that is told."""

    name: str
    code: str
    state: str
    error: str
    message: str
    extra: dict[str, object] | None = None


CASES = (
    Case("raises", bad('raise ValueError("boom")'), "failed", "raised", "boom"),
    Case("loops", bad("while True: pass"), "hung", "hung", "longer than 3 s"),
    Case("sleeps", bad("import time; time.sleep(900)"), "hung", "hung", "BTC/USDT"),
    Case(
        "a great piece of memory",
        bad("self.all = np.ones(200_000_000)"),
        "failed",
        "memory",
        "more memory at once",
    ),
    Case(
        "memory piece by piece",
        bad("self.all = [b'x' * 100_000 for _ in range(2_000)]"),
        "failed",
        "memory",
        "MB of memory",
    ),
    Case(
        "memory that grows with each analysis",
        bad("self.all = [*getattr(self, 'all', []), b'x' * 100_000_000]"),
        "failed",
        "memory",
        "MB of memory",
    ),
    Case("exits", bad("import sys; sys.exit(7)"), "failed", "exit", "code 7"),
    Case("exits at once", bad("import os; os._exit(3)"), "failed", "exit", "code 3"),
    Case("crashes", bad("import ctypes; ctypes.string_at(0)"), "failed", "exit", "-11"),
    Case(
        "exits while it is loaded",
        bad(top="    import sys; sys.exit(4)"),
        "failed",
        "exit",
        "code 4",
    ),
    Case(
        "hangs in its loop",
        bad(top="    def bot_loop_start(self, **kwargs):\n        while True: pass\n"),
        "hung",
        "hung",
        "bot_loop_start",
    ),
    Case(
        "raises where freqtrade lets it through",
        bad(
            top="    def informative_pairs(self):\n"
            "        self.times = getattr(self, 'times', 0) + 1\n"
            "        return [] if self.times < 4 else 1 / 0\n"
        ),
        "failed",
        "exit",
        "Fatal exception! ZeroDivisionError",
    ),
    Case(
        "does not load",
        bad(top="    import no_such_module"),
        "failed",
        "load",
        "Impossible to load Strategy 'Mine'",
    ),
    Case(
        "raises at its start",
        bad(top="    def bot_start(self, **kwargs):\n        raise ValueError('no')\n"),
        "failed",
        "load",
        "no",
    ),
    Case(
        "sells short on a spot market",
        bad(top="    can_short = True"),
        "failed",
        "load",
        "Short strategies cannot run in spot markets",
    ),
    Case(
        "wants too many candles",
        plain(9, startup=9_000),
        "failed",
        "load",
        "Configuration error: This strategy requires 9000 candles",
    ),
    Case(
        "looks at trades",
        bad("from freqtrade.persistence import Trade; Trade.get_open_trades()"),
        "refused",
        "needs_bot",
        "(Trade, line 19)",
    ),
    Case(
        "analyses open candles",
        bad(top="    process_only_new_candles = False"),
        "refused",
        "needs_bot",
        "process_only_new_candles",
    ),
    Case(
        "changes what all share",
        bad(top="    def bot_start(self, **kwargs):\n        np.seterr(all='raise')\n"),
        "refused",
        "needs_bot",
        "(numpy.seterr, line 17)",
    ),
    Case(
        "changes what all share while it analyses",
        bad("getattr(np, 'set' + 'err')(all='raise')"),
        "refused",
        "needs_bot",
        "(NumPy's handling of errors)",
    ),
)


@pytest.fixture(scope="module")
def good(root: Path, exchange: SimulatedExchange) -> list[Face]:
    """One for each worker."""
    return [
        Face.made(root / f"good-{n}", exchange.url, plain(n + 3), "Mine", strategy_id=n)
        for n in GOOD
    ]


@pytest.fixture(scope="module")
def runner(
    running: Callable[..., RunningRunner], good: list[Face]
) -> Iterator[RunningRunner]:
    with running("--analysis-seconds", "3", "--share-mb", "120") as runner:
        for face in good:
            assert runner.load(face)["ok"]
        for face in good:
            wait_until(face.analysed, 90, runner.log)
        yield runner


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_goes_alone_and_says_why(
    case: Case,
    runner: RunningRunner,
    root: Path,
    exchange: SimulatedExchange,
    good: list[Face],
) -> None:
    number = 100 + CASES.index(case)
    folder = root / str(number)
    face = Face.made(folder, exchange.url, case.code, "Mine", strategy_id=number)
    try:
        assert runner.load(face)["ok"]
        told = runner.wait_for(number, case.state, 60)
        assert (told["error"], told["run"]) == (case.error, f"run-{number}")
        assert case.message in told["message"]
        assert not face.analysed()
        events = [e for e in runner.events if e["strategy_id"] == number]
        assert events[-1]["state"] == case.state
        if case.state != "refused":
            said = [line for line in face.log().splitlines() if " - ERROR - " in line]
            assert said
    finally:
        assert runner.do("unload", strategy_id=number)["ok"]
    assert number not in {s["strategy_id"] for s in runner.do("list")["strategies"]}
    for other in good:
        assert runner.told(other.strategy_id)["state"] == "running"
        wait_until(other.analysed, 30, runner.log)


def test_a_strategy_that_raises_says_so_in_freqtrade_s_words_in_every_loop(
    runner: RunningRunner, root: Path, exchange: SimulatedExchange
) -> None:
    code = bad('raise ValueError("boom")')
    face = Face.made(root / "words", exchange.url, code, "Mine", strategy_id=50)
    runner.load(face)
    runner.wait_for(50, "failed", 60)
    lines = face.log().splitlines()
    said = [line for line in lines if "WARNING - Unable to analyze candle" in line]
    # Two pairs, three loops; it ends in the third. A candle that closes in between is
    # analysed without waiting for the next loop.
    assert 5 <= len(said) <= 8
    assert any("ValueError('boom')" in line for line in lines)
    runner.do("unload", strategy_id=50)


def test_one_pair_that_raises_stops_neither_the_others_nor_the_strategy(
    runner: RunningRunner, root: Path, exchange: SimulatedExchange
) -> None:
    code = bad('assert metadata["pair"] != "ETH/USDT", "not this one"')
    face = Face.made(root / "one-pair", exchange.url, code, "Mine", strategy_id=51)
    runner.load(face)
    wait_until(
        lambda: face.paths.log.exists() and face.log().count("not this one") > 8,
        60,
        runner.log,
    )
    assert runner.told(51)["state"] == "running"
    assert face.frame("BTC/USDT", 1)["length"] == 1
    assert face.frame("ETH/USDT", 1)["length"] == 0
    runner.do("unload", strategy_id=51)


def test_nothing_of_a_worker_s_end_is_left(
    runner: RunningRunner, root: Path, exchange: SimulatedExchange
) -> None:
    before = family(runner)
    code = bad("import os; os.system('sleep 900 & true'); os._exit(1)")
    face = Face.made(root / "left", exchange.url, code, "Mine", strategy_id=52)
    runner.load(face)
    runner.wait_for(52, "failed", 60)
    runner.do("unload", strategy_id=52)
    wait_until(lambda: len(family(runner)) == len(before), 20, lambda: family(runner))


def test_a_client_of_one_that_goes_is_told(
    runner: RunningRunner, root: Path, exchange: SimulatedExchange
) -> None:
    face = Face.made(root / "client", exchange.url, plain(5), "Mine", strategy_id=53)
    runner.load(face)
    wait_until(face.analysed, 60, runner.log)
    with connect(face.socket_url()) as socket:
        socket.send(orjson.dumps({"type": "subscribe", "data": ["status"]}).decode())
        # Answered after the subscription was taken.
        socket.send(orjson.dumps({"type": "whitelist"}).decode())
        assert orjson.loads(socket.recv(timeout=10))["type"] == "whitelist"
        assert runner.do("unload", strategy_id=53)["ok"]
        said = orjson.loads(socket.recv(timeout=10))
        assert said == {"type": "status", "status": "process died"}
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)


def test_the_others_had_every_candle_in_time(
    runner: RunningRunner, good: list[Face]
) -> None:
    """After all that: the same ports, the next candle, nothing waits for anybody."""
    before = {face.strategy_id: newest(face) for face in good}
    wait_until(lambda: all(newest(f) > before[f.strategy_id] for f in good), 75)
    for face in good:
        frame: dict[str, Any] = face.frame("BTC/USDT", 1)
        closed = frame["data_stop_ts"] / 1000 + 60
        assert 0 < frame["last_analyzed_ts"] - closed < 15


def newest(face: Face) -> int:
    stamp: int = face.frame("BTC/USDT", 1)["data_stop_ts"]
    return stamp


def family(runner: RunningRunner) -> list[str]:
    process = psutil.Process(runner.process.pid)
    return [str(child) for child in process.children(recursive=True)]

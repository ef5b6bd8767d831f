"""Processes of a runner that somebody kills from outside: no mark is lost or doubled."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import orjson
import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.freqtrade_mgmt.runner.running import Face, RunningRunner, wait_until
from tests.freqtrade_mgmt.runner.sources import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from freqtrade_mgmt.installer import InstalledFreqtrade
    from freqtrade_mgmt.simulator import SimulatedExchange

pytestmark = [pytest.mark.freqtrade, pytest.mark.timeout(600)]
NUMBERS = (1, 2)
MINUTE_MS = 60_000
# Longer than to the next candle, with what has to be made anew.
NEXT_SECONDS = 90.0
_MARKS = ("enter_long", "enter_tag", "exit_long", "exit_tag")

Marks = dict[int, tuple[Any, ...]]


class Heard:
    """What the message WebSocket of a strategy tells. Use as a context manager."""

    def __init__(self, face: Face) -> None:
        self.face = face
        # By pair: marks by the open of their candle (ms).
        self.marks: dict[str, Marks] = defaultdict(dict)
        # Candles that were told again with other marks.
        self.changed: list[tuple[str, int]] = []
        self.farewell: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        self._opened = contextlib.ExitStack()
        self._socket = self._opened.enter_context(
            connect(self.face.socket_url(), max_size=None)
        )
        topics = ["analyzed_df", "status"]
        self._socket.send(orjson.dumps({"type": "subscribe", "data": topics}).decode())
        self._socket.send(orjson.dumps({"type": "whitelist"}).decode())
        assert orjson.loads(self._socket.recv(timeout=10))["type"] == "whitelist"
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        return self

    def __exit__(self, *_details: object) -> None:
        self._opened.close()
        self._thread.join()

    def newest(self) -> int:
        """Return the newest candle that was told for all pairs, 0 if there is none."""
        told = [max(self.marks[pair], default=0) for pair in self.face.spec.pairs]
        return min(told)

    def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                said = orjson.loads(self._socket.recv())
                if said["type"] == "analyzed_df":
                    self._take(said["data"])
                elif said["type"] == "status":
                    self.farewell.append(said)

    def _take(self, data: dict[str, Any]) -> None:
        pair = data["key"][0]
        frame = orjson.loads(data["df"]["__value__"])
        for row in frame["data"]:
            named = dict(zip(frame["columns"], row, strict=True))
            opened = named["date"]
            marks = tuple(named[name] for name in _MARKS)
            if self.marks[pair].setdefault(opened, marks) != marks:
                self.changed.append((pair, opened))


@pytest.fixture
def faces(tmp_path: Path, exchange: SimulatedExchange) -> list[Face]:
    """One for each worker, and a third."""
    return [
        Face.made(tmp_path / str(n), exchange.url, plain(n + 2), "Mine", strategy_id=n)
        for n in NUMBERS
    ]


@pytest.fixture
def runner(
    real_freqtrade: InstalledFreqtrade, tmp_path: Path, faces: list[Face]
) -> Iterator[RunningRunner]:
    """One whose two strategies share a worker, the first child of the maker."""
    folder = tmp_path / "runner"
    folder.mkdir()
    with RunningRunner(real_freqtrade.python, folder, "--workers", "1") as running:
        for face in faces:
            assert running.load(face)["ok"]
        for face in faces:
            wait_until(face.analysed, 90, running.log)
        yield running


@pytest.fixture
def heard(runner: RunningRunner, faces: list[Face]) -> Iterator[list[Heard]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Heard(face)) for face in faces]


def maker_of(runner: RunningRunner) -> psutil.Process:
    (maker,) = psutil.Process(runner.process.pid).children()
    return maker


def worker_and_feeder(runner: RunningRunner) -> tuple[psutil.Process, psutil.Process]:
    """Return the only worker and the feeder, which is made when the worker has work."""
    worker, feeder = sorted(maker_of(runner).children(), key=lambda one: one.pid)
    return worker, feeder


def next_candle(heard: list[Heard], runner: RunningRunner) -> None:
    """Wait until every strategy has told a candle that none had told before."""
    before = max(one.newest() for one in heard)
    wait_until(
        lambda: min(one.newest() for one in heard) > before, NEXT_SECONDS, runner.log
    )


def check(heard: list[Heard]) -> None:
    """Compare with the frames: every candle since the first was told, as it is there."""
    for one in heard:
        assert one.changed == []
        for pair in one.face.spec.pairs:
            told = one.marks[pair]
            assert sorted(told) == list(range(min(told), max(told) + 1, MINUTE_MS))
            frame = one.face.frame(pair)
            for row in frame["data"]:
                named = dict(zip(frame["columns"], row, strict=True))
                marks = tuple(named[name] for name in _MARKS)
                opened = named["__date_ts"]
                assert told.get(opened, marks) == marks


def test_no_mark_is_lost_or_doubled_when_the_worker_and_the_feeder_are_killed(
    runner: RunningRunner, faces: list[Face], heard: list[Heard]
) -> None:
    next_candle(heard, runner)
    worker, feeder = worker_and_feeder(runner)
    worker.kill()
    wait_until(lambda: "has ended with -9" in runner.log(), 30, runner.log)
    feeder.kill()
    next_candle(heard, runner)
    after = maker_of(runner).children()
    assert len(after) == 2
    assert not {worker, feeder} & set(after)
    for face in faces:
        told = runner.told(face.strategy_id)
        assert (told["state"], told["error"]) == ("running", "")
    check(heard)


def test_no_mark_is_lost_when_they_are_killed_while_a_new_candle_is_analysed(
    runner: RunningRunner, faces: list[Face], heard: list[Heard]
) -> None:
    """Whoever was analysed when the worker died is told as the one that ended it."""
    next_candle(heard, runner)
    before = max(one.newest() for one in heard)
    worker, feeder = worker_and_feeder(runner)
    wait_until(
        lambda: any(
            max(told, default=0) > before
            for one in heard
            for told in list(one.marks.values())
        ),
        NEXT_SECONDS,
        runner.log,
    )
    worker.kill()
    feeder.kill()
    wait_until(lambda: "has ended with -9" in runner.log(), 30, runner.log)
    told = {face.strategy_id: runner.told(face.strategy_id) for face in faces}
    stayed = [one for one in heard if told[one.face.strategy_id]["state"] == "running"]
    assert {one["error"] for one in told.values()} <= {"", "exit"}
    assert len(stayed) >= len(faces) - 1
    next_candle(stayed, runner)
    check(stayed)


def test_a_runner_without_its_maker_ends_and_says_why_and_blames_nobody(
    runner: RunningRunner, faces: list[Face], heard: list[Heard]
) -> None:
    children = psutil.Process(runner.process.pid).children(recursive=True)
    maker_of(runner).kill()
    assert runner.process.wait(10) == 1
    assert not psutil.wait_procs(children, timeout=5)[1]
    last = [line for line in runner.log().splitlines() if " - ERROR - " in line][-1]
    assert last.endswith("The process that makes the others has ended; so does this.")
    for one in heard:
        wait_until(partial(len, one.farewell))
        assert one.farewell == [{"type": "status", "status": "process died"}]
        assert " - ERROR - " not in one.face.log()

"""Which candles a strategy sees together when a round comes in parts. No process is started."""

from __future__ import annotations

import asyncio
import logging
import struct
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest

from freqtrade_mgmt.runner.hosted import RUNNING, Facts, Hosted, Order, Server
from freqtrade_mgmt.runner.hub import Hub, Settings
from freqtrade_mgmt.runner.members import Member, Task

if TYPE_CHECKING:
    from pathlib import Path

    from freqtrade_mgmt.runner.logs import OwnLog

FIRST, LAST = "AAA/USDT", "BTC/USDT"


class Worker:
    """Takes what is sent to a worker, and does one thing when told."""

    def __init__(self) -> None:
        self.member = Member("worker-1", 0, cast("asyncio.StreamWriter", self))
        self._unread: list[dict[str, Any]] = []
        self._stored: dict[str, int] = {}
        # Each analysis: strategy, pair, and the candles that were there.
        self.analysed: list[tuple[int, str, dict[str, int]]] = []
        self.markets: list[bytes] = []

    def write(self, data: bytes) -> None:
        size, _body = struct.unpack(">II", data[:8])
        head = orjson.loads(data[8 : 8 + size])
        if head["do"] == "markets":
            self.markets.append(data[8 + size :])
        self._unread.append(head)

    def work(self) -> None:
        """Do what waits, in its order, until nothing is left."""
        while self._unread:
            head = self._unread.pop(0)
            if head["do"] == "candles":
                self._stored[head["key"][0]] = head["last_ms"]
            if head["do"] == "analyse":
                seen = dict(self._stored)
                self.analysed.append((head["strategy_id"], head["pair"], seen))
            if task := "task" in head and self.member.finished(head["task"]):
                task.then({"ok": True, "seconds": 0.01, "grown_mb": 0.0}, [])


class World:
    """A hub whose feeder and worker are told by hand what they say."""

    def __init__(self, log: Path) -> None:
        about = SimpleNamespace(line=str)
        self.hub = Hub("test", Settings(1, 250.0, 10.0), cast("OwnLog", about))
        self.worker = Worker()
        self.hub.housing.members.add(self.worker.member)
        self._log = log

    def hosts(self, number: int, *, alone: bool) -> Hosted:
        """Let the worker host a strategy with one pair that knows of two."""
        server = Server("127.0.0.1", 1, "user", "password", "token")
        order = Order(number, "run", "", "", self._log, None, server, b"")
        one = Hosted(order, since_ms=0, state=RUNNING, member=self.worker.member)
        keys = {(pair, "1m", "spot") for pair in (FIRST, LAST)}
        one.facts = Facts("1m", [FIRST], "spot", keys, 0, 1, False, False, alone, {})
        self.worker.member.hosted.add(one)
        self.hub.hosted[number] = one
        # As a round begins.
        self.hub.rounds._fetching.add(one)
        return one

    def busy(self, hosted: Hosted) -> None:
        """Give the worker two things that it has not done yet."""
        for _ in range(2):
            self.worker.member.put(
                Task(-2.0, "wants", hosted, 30.0, lambda _said, _parts: None)
            )

    def part(self, pair: str, minute: int) -> None:
        """Let the feeder hand over a pair's new candle as one part of a round."""
        key = [pair, "1m", "spot"]
        rounds = self.hub.rounds
        rounds.take({"candles": list(key), "last_ms": minute}, b"")
        rounds.take({"part": [key]}, b"")

    def end(self) -> None:
        """End a round."""
        self.hub.rounds._schedule_all(alone=False)


@pytest.fixture
async def world(tmp_path: Path) -> World:
    return World(tmp_path / "freqtrade.log")


def seen(world: World, number: int) -> list[dict[str, int]]:
    """Return what a strategy saw in each of its analyses."""
    return [there for one, _pair, there in world.worker.analysed if one == number]


async def test_a_strategy_that_looks_at_other_pairs_sees_candles_of_one_round_only(
    world: World,
) -> None:
    alone, around = world.hosts(1, alone=True), world.hosts(2, alone=False)
    world.busy(alone)
    for pair in (FIRST, LAST):
        world.part(pair, 1)
    world.end()
    # The worker still has all of that to do when the next candle's first part comes.
    world.part(FIRST, 2)
    world.worker.work()
    assert seen(world, around.id) == [{FIRST: 1, LAST: 1}]
    world.part(LAST, 2)
    world.end()
    world.worker.work()
    assert seen(world, around.id)[1:] == [{FIRST: 2, LAST: 2}]
    assert seen(world, alone.id)[-1] == {FIRST: 2, LAST: 2}
    assert not alone.queued | around.queued


async def test_others_do_not_wait_for_the_end_of_a_round_where_nothing_is_late(
    world: World,
) -> None:
    alone, around = world.hosts(1, alone=True), world.hosts(2, alone=False)
    world.part(FIRST, 1)
    world.worker.work()
    assert seen(world, alone.id) == [{FIRST: 1}]
    assert seen(world, around.id) == []
    world.part(LAST, 1)
    world.end()
    world.worker.work()
    assert seen(world, around.id) == [{FIRST: 1, LAST: 1}]


async def test_strategies_that_look_at_one_pair_need_not_wait_for_each_other(
    world: World,
) -> None:
    one, other = world.hosts(1, alone=True), world.hosts(2, alone=True)
    world.busy(one)
    world.part(FIRST, 1)
    world.part(FIRST, 2)
    world.worker.work()
    assert [seen(world, h.id)[0][FIRST] for h in (one, other)] == [2, 2]


async def test_a_new_worker_is_told_once_how_the_markets_differ(world: World) -> None:
    for hour in range(24):
        world.hub.rounds.take({"markets": 1}, b"hour %d" % hour)
    assert len(world.worker.markets) == 24
    fresh = Worker()
    world.hub.rounds.catch_up(fresh.member)
    assert fresh.markets == [b"hour 23"]


async def test_what_an_analysis_has_changed_for_all_ends_with_its_worker(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "freqtrade_mgmt.runner")
    one = world.hosts(1, alone=True)
    said = {"ok": False, "error": "needs_bot", "message": "It does x.", "seconds": 0.1}
    world.hub.results.analysed(one, FIRST, 1)(said, [])
    assert (one.state, one.error, one.message) == ("refused", "needs_bot", "It does x.")
    assert world.worker.member.closing
    assert "Strategy 1: refused. It does x." in caplog.messages
    for task in tuple(world.hub._work):
        task.cancel()
    await asyncio.sleep(0)

"""What a hub does when the exchange, the system or a worker does not as it should."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from freqtrade_mgmt.runner import housing
from tests.freqtrade_mgmt.runner.running import Face
from tests.freqtrade_mgmt.runner.scripted import FACTS, ScriptedHub, until
from tests.freqtrade_mgmt.runner.sources import plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

URL = "http://127.0.0.1:9/api/v3"
NO_MARKETS = {
    "ok": False,
    "error": "load",
    "message": "Could not load markets, therefore cannot start.",
    "shared": True,
}


@pytest.fixture
def face(tmp_path: Path) -> Callable[[int], Face]:
    def made(number: int, url: str = URL) -> Face:
        folder = tmp_path / str(number)
        return Face.made(folder, url, plain(5), "Mine", strategy_id=number)

    return made


@pytest.fixture
async def scripted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ScriptedHub]:
    monkeypatch.chdir(tmp_path)
    # In a runner these are what a worker left behind; here they are others' processes.
    monkeypatch.setattr("freqtrade_mgmt.runner.crew.end_orphans", lambda _but: None)
    async with ScriptedHub() as one:
        yield one


async def test_an_exchange_that_does_not_answer_is_asked_once_for_all_that_wait(
    scripted: ScriptedHub, face: Callable[[int], Face]
) -> None:
    scripted.opening = NO_MARKETS
    scripted.may_answer.clear()
    for number in range(1, 6):
        await scripted.load(face(number))
    await until(lambda: scripted.opened)
    scripted.may_answer.set()
    for number in range(1, 6):
        await until(lambda number=number: scripted.state(number) == "failed")
        assert scripted.hub.hosted[number].message == NO_MARKETS["message"]
    assert scripted.opened == 1


async def test_an_exchange_is_not_opened_for_strategies_that_were_unloaded(
    scripted: ScriptedHub, face: Callable[[int], Face]
) -> None:
    # Told as its own, so that each that still waits would ask again.
    scripted.opening = {**NO_MARKETS, "shared": False}
    scripted.may_answer.clear()
    for number in range(1, 5):
        await scripted.load(face(number))
    await until(lambda: scripted.opened)
    for number in (2, 3):
        await scripted.ask("unload", strategy_id=number)
    scripted.may_answer.set()
    await until(lambda: scripted.state(4) == "failed")
    assert scripted.opened == 2


async def test_what_is_wrong_with_one_configuration_is_not_said_of_the_others(
    scripted: ScriptedHub, face: Callable[[int], Face]
) -> None:
    scripted.opening = {**NO_MARKETS, "shared": False}
    await scripted.load(face(1))
    await until(lambda: scripted.state(1) == "failed")
    scripted.opening = {"ok": True}
    await scripted.load(face(2))
    await until(lambda: scripted.state(2) == "running")


async def test_a_system_without_room_for_a_process_is_asked_again(
    scripted: ScriptedHub,
    face: Callable[[int], Face],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(housing, "_PAUSE", 0.01)
    scripted.refusals = 2
    await scripted.load(face(1))
    await until(lambda: scripted.state(1) == "running")


async def test_a_system_that_stays_without_room_is_told_and_the_runner_goes_on(
    scripted: ScriptedHub,
    face: Callable[[int], Face],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(housing, "_PAUSE", 0.01)
    scripted.refusals = 3
    one = face(1)
    await scripted.load(one)
    await until(lambda: scripted.state(1) == "failed")
    hosted = scripted.hub.hosted[1]
    assert (hosted.error, hosted.message) == (
        "worker",
        "No process could be made for it.",
    )
    assert " - ERROR - No process could be made for it." in one.log()
    # The supervisor tries again.
    await scripted.ask("unload", strategy_id=1)
    await scripted.load(one)
    await until(lambda: scripted.state(1) == "running")


async def test_a_feeder_that_cannot_be_made_is_made_in_the_next_round(
    scripted: ScriptedHub, face: Callable[[int], Face], caplog: pytest.LogCaptureFixture
) -> None:
    scripted.refusals = 0
    await scripted.load(face(1))
    await until(lambda: scripted.workers)
    scripted.refusals = 1
    await until(lambda: scripted.state(1) == "running")
    await until(
        lambda: "No candles were fetched: no process could be made" in caplog.text
    )
    scripted.hub.rounds.poke()
    await until(lambda: any(one.kind == "feeder" for one in scripted.played))
    assert scripted.state(1) == "running"


async def test_a_worker_that_does_not_know_its_strategy_is_told_as_a_failure(
    scripted: ScriptedHub, face: Callable[[int], Face]
) -> None:
    await scripted.load(face(1))
    await until(lambda: scripted.state(1) == "running")
    scripted.workers[0].answers["ask"] = {"ok": False, "gone": True}
    hosted = scripted.hub.hosted[1]
    with pytest.raises(ConnectionError):
        await scripted.hub._questions.ask(hosted, "logs", "", None)
    assert (hosted.state, hosted.error) == ("failed", "worker")


async def test_what_a_worker_says_of_one_that_was_let_go_is_not_said_for_its_successor(
    scripted: ScriptedHub, face: Callable[[int], Face]
) -> None:
    one = face(1)
    await scripted.load(one)
    await until(lambda: scripted.state(1) == "running")
    first = scripted.hub.hosted[1]
    await scripted.ask("unload", strategy_id=1)
    await scripted.load(one)
    await until(lambda: scripted.state(1) == "running")
    second = scripted.hub.hosted[1]
    assert second.member is not None
    assert second.member.speaker(first.stand) is None
    assert second.member.speaker(second.stand) is second
    worker = scripted.workers[0]
    assert [head["stand"] for head in worker.heads if head.get("do") == "load"] == [
        first.stand,
        second.stand,
    ]


async def test_a_lost_worker_s_strategies_are_loaded_in_the_order_of_what_waits(
    scripted: ScriptedHub, face: Callable[[int], Face]
) -> None:
    """One and three have nothing new; of the others the nearest deadline is first."""
    deadlines = {1: 5, 2: 50, 3: 1, 4: 20}
    for number, deadline in deadlines.items():
        await scripted.load(face(number), deadline=deadline)
        await until(lambda number=number: scripted.state(number) == "running")
    key = ("BTC/USDT", FACTS["timeframe"], "spot")
    scripted.hub.rounds.last[key] = 60_000
    for number, seen in ((1, 60_000), (2, 0), (3, 60_000), (4, 0)):
        scripted.hub.hosted[number].seen["BTC/USDT"] = seen
    scripted.workers[0].die()
    await until(lambda: len(scripted.workers) == 2)
    await until(lambda: len(scripted.workers[1].loaded()) == 4)
    assert scripted.workers[1].loaded() == [4, 2, 3, 1]


async def test_a_question_that_nobody_waits_for_is_not_asked(
    scripted: ScriptedHub,
    face: Callable[[int], Face],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("freqtrade_mgmt.runner.questions._ASK_SECONDS", 0.05)
    await scripted.load(face(1))
    await until(lambda: scripted.state(1) == "running")
    worker, hosted = scripted.workers[0], scripted.hub.hosted[1]
    worker.answers["ask"] = None
    questions = scripted.hub._questions
    asked = [questions.ask(hosted, "logs", str(n), None) for n in range(5)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(one) for one in outcomes} == {TimeoutError}
    assert hosted.member is not None
    # Two were sent already.
    assert hosted.member.waiting == 2
    member = hosted.member
    monkeypatch.setattr("freqtrade_mgmt.runner.questions._ASK_SECONDS", 60.0)
    waiting = asyncio.create_task(questions.ask(hosted, "logs", "6", None))
    await until(lambda: member.waiting == 3)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert hosted.member.waiting == 2

"""The same strategies on the same candles in bots and in a runner: the same results."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from websockets.sync.client import connect

from freqtrade_mgmt.blueprints import blueprint_code
from freqtrade_mgmt.demo import DEMO_STRATEGIES, demo_source
from tests.freqtrade_mgmt.runner.running import (
    Face,
    RunningBot,
    RunningRunner,
    wait_until,
)
from tests.freqtrade_mgmt.runner.sources import (
    COLUMNS,
    INFORMATIVE,
    PAIRS,
    plain,
    source,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from freqtrade_mgmt.installer import InstalledFreqtrade
    from freqtrade_mgmt.simulator import SimulatedExchange

pytestmark = [pytest.mark.freqtrade, pytest.mark.timeout(600)]
# Bots that start at once, within one minute; more would not fit into it.
AT_ONCE = 3
MINUTE = 60


@dataclass(frozen=True)
class Case:
    """A strategy to compare."""

    name: str
    code: str
    class_name: str = "Mine"
    timeframe: str = "1m"


CASES = (
    *(Case(d.name, demo_source(d), d.class_name, d.timeframe) for d in DEMO_STRATEGIES),
    Case("macd", blueprint_code("macd", "Mine", "1m", {})),
    Case("confirmed", blueprint_code("confirmed", "Mine", "1m", {})),
    Case("informative", source(INFORMATIVE)),
    Case("pairs", source(PAIRS)),
    Case("columns", source(COLUMNS)),
    Case("five", plain(9, timeframe="5m"), timeframe="5m"),
    Case("short", plain(50, startup=0)),
    Case("long", plain(50, startup=1_200)),
)


@dataclass
class Pair:
    """One strategy both ways."""

    case: Case
    bot: Face
    hosted: Face


@pytest.fixture(scope="module")
def pairs(
    real_freqtrade: InstalledFreqtrade,
    exchange: SimulatedExchange,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[list[Pair]]:
    root = tmp_path_factory.mktemp("both")
    (root / "runner").mkdir()
    found: list[Pair] = []
    with (
        RunningRunner(real_freqtrade.python, root / "runner") as runner,
        contextlib.ExitStack() as bots,
    ):
        waiting = list(enumerate(CASES, 1))
        while waiting:
            some, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
            begin_of_a_minute()
            made = [
                Pair(
                    case,
                    face(root / f"bot-{number}", exchange, case, number),
                    face(root / f"hosted-{number}", exchange, case, number),
                )
                for number, case in some
            ]
            for one in made:
                bots.enter_context(RunningBot(real_freqtrade.python, one.bot))
            for one in made:
                wait_until(one.bot.analysed, 120, one.bot.log)
                assert runner.load(one.hosted)["ok"]
            for one in made:
                wait_until(one.hosted.analysed, 60, runner.log)
            found += made
        yield found


def begin_of_a_minute() -> None:
    """Wait: a bot and its twin are to see the same candle first."""
    wait_until(lambda: 1 < time.time() % MINUTE < 12, 70)


def face(folder: Path, exchange: SimulatedExchange, case: Case, number: int) -> Face:
    return Face.made(
        folder,
        exchange.url,
        case.code,
        case.class_name,
        strategy_id=number,
        timeframe=case.timeframe,
    )


def both(one: Pair, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return both frames of a pair, with the same newest candle."""
    seen: list[dict[str, Any]] = []

    def same() -> bool:
        seen[:] = [one.bot.frame(name), one.hosted.frame(name)]
        return bool(seen[0]["data_stop"] == seen[1]["data_stop"])

    wait_until(same, 30)
    return seen[0], seen[1]


def test_every_candle_has_the_same_marks_tags_and_indicators(pairs: list[Pair]) -> None:
    for one in pairs:
        for name in one.bot.spec.pairs:
            bot, hosted = both(one, name)
            for frame in (bot, hosted):
                for when in ("last_analyzed", "last_analyzed_ts"):
                    del frame[when]
            about = f"{one.case.name} {name}"
            assert hosted["columns"] == bot["columns"], about
            assert hosted["length"] == bot["length"] > 900, about
            for mine, theirs in zip(hosted["data"], bot["data"], strict=True):
                assert mine == theirs, about
            assert hosted == bot, about


def test_a_frame_is_as_long_as_a_bot_s_own_however_many_candles_others_want(
    pairs: list[Pair],
) -> None:
    found = {one.case.name: one.hosted.frame("BTC/USDT")["length"] for one in pairs}
    assert found["long"] > 1_990
    assert 990 < found["short"] <= 1_000
    assert found["five"] < 1_040


def test_the_messages_of_a_new_candle_are_the_same(pairs: list[Pair]) -> None:
    with contextlib.ExitStack() as stack:
        sockets = [
            [
                stack.enter_context(connect(f.socket_url()))
                for f in (one.bot, one.hosted)
            ]
            for one in pairs
            if one.case.timeframe == "1m"
        ]
        topics = {
            "type": "subscribe",
            "data": ["analyzed_df", "new_candle", "whitelist"],
        }
        for socket in (socket for both in sockets for socket in both):
            socket.send(orjson.dumps(topics).decode())
        for bot, hosted in sockets:
            # Two pairs, each with its row and the word that the candle is new.
            said = [
                sorted(
                    (without_time(socket.recv(timeout=90)) for _ in range(4)), key=str
                )
                for socket in (bot, hosted)
            ]
            assert said[0] == said[1]
            assert {one["type"] for one in said[0]} == {"analyzed_df", "new_candle"}


def without_time(text: str | bytes) -> dict[str, Any]:
    message: dict[str, Any] = orjson.loads(text)
    if message["type"] == "analyzed_df":
        assert message["data"].pop("la")
    return message


def test_whole_frames_are_sent_over_the_socket_as_a_bot_sends_them(
    pairs: list[Pair],
) -> None:
    one = next(pair for pair in pairs if pair.case.name == "columns")
    asked = {"type": "analyzed_df", "data": {"limit": 50, "pair": "BTC/USDT"}}

    def answers() -> list[dict[str, Any]]:
        found = []
        for face in (one.bot, one.hosted):
            with connect(face.socket_url()) as socket:
                socket.send(orjson.dumps(asked).decode())
                found.append(without_time(socket.recv(timeout=30)))
        return found

    both(one, "BTC/USDT")
    bot, hosted = answers()
    assert bot == hosted
    assert len(orjson.loads(bot["data"]["df"]["__value__"])["data"]) == 50


def test_the_other_answers_have_a_bot_s_shape(pairs: list[Pair]) -> None:
    one = pairs[0]
    for path in ("ping", "version", "whitelist", "count", "status", "plot_config"):
        assert one.hosted.ask(path) == one.bot.ask(path), path
    assert one.hosted.ask("show_config") == one.bot.ask("show_config")
    bot, hosted = one.bot.ask("health"), one.hosted.ask("health")
    assert {name: type(value) for name, value in hosted.items()} == {
        name: type(value) for name, value in bot.items()
    }
    bot, hosted = one.bot.ask("logs", limit=5), one.hosted.ask("logs", limit=5)
    assert hosted["log_count"] == len(hosted["logs"]) == 5
    assert [type(v) for v in hosted["logs"][0]] == [type(v) for v in bot["logs"][0]]

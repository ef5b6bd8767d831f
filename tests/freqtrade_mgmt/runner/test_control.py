"""The control socket and the API of the runner program, with real freqtrade."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
from typing import TYPE_CHECKING, Any

import orjson
import psutil
import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.freqtrade_mgmt.runner.running import Face, RunningRunner, wait_until
from tests.freqtrade_mgmt.runner.sources import plain, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from freqtrade_mgmt.installer import InstalledFreqtrade
    from freqtrade_mgmt.simulator import SimulatedExchange

pytestmark = [pytest.mark.freqtrade, pytest.mark.timeout(600)]

HELPED = """
    import helper

    def populate_indicators(self, dataframe, metadata):
        import helper as again
        dataframe["ema"] = ta.EMA(dataframe, timeperiod=9)
        dataframe["number"] = self.helper.NUMBER * 100 + again.NUMBER
        return dataframe
"""


@pytest.fixture(scope="module")
def runner(running: Callable[..., RunningRunner]) -> Iterator[RunningRunner]:
    with running() as runner:
        yield runner


@pytest.fixture(scope="module")
def face(runner: RunningRunner, root: Path, exchange: SimulatedExchange) -> Face:
    """A strategy that is loaded and analysed."""
    made = Face.made(root / "1", exchange.url, plain(9), "Mine")
    assert runner.load(made) == {"id": runner.do("list")["id"] - 1, "ok": True}
    wait_until(made.analysed, 90, runner.log)
    return made


def test_it_says_who_it_is(
    runner: RunningRunner, face: Face, real_freqtrade: InstalledFreqtrade
) -> None:
    said = runner.do("hello")
    assert (said["name"], said["protocol"]) == ("test", 1)
    assert said["pid"] == runner.process.pid
    assert said["freqtrade"] == real_freqtrade.version
    assert 50 < said["rss_mb"] < said["resident_mb"]
    told = runner.told(face.strategy_id)
    assert told["port"] == face.port
    assert told["analyses"] >= 2
    assert 0 < told["seconds_p50"] < 10
    assert told["last_analyzed_ms"] > 0


def test_its_own_process_listens_for_the_supervisor_and_for_every_strategy(
    runner: RunningRunner, face: Face
) -> None:
    ports = {
        connection.laddr.port
        for connection in psutil.Process(runner.process.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert face.port in ports
    assert (runner.folder / "control.sock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"garbage\n", "garbage"),
        (b"[1]\n", "garbage"),
        (b'{"id": 1, "do": "dance"}\n', "unknown"),
        (b'{"id": 1, "do": "load"}\n', "config"),
        (b'{"id": 1, "do": "unload"}\n', "config"),
        (b'{"id": 1, "do": ["load"]}\n', "unknown"),
        (b"\xff\xfe" * 700_000 + b"\n", "garbage"),
    ],
)
def test_garbage_is_answered_and_harms_nobody(
    runner: RunningRunner, face: Face, line: bytes, error: str
) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as other:
        other.settimeout(20)
        with contextlib.chdir(runner.folder):
            other.connect("control.sock")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            other.sendall(line)
        answer = json.loads(other.makefile().readline())
    assert (answer["ok"], answer["error"]) == (False, error)
    assert runner.told(face.strategy_id)["state"] == "running"


def test_every_supervisor_hears_what_happens_and_a_new_one_finds_all(
    runner: RunningRunner, face: Face, root: Path, exchange: SimulatedExchange
) -> None:
    second = RunningRunner(root, runner.folder)
    second.connect()
    other = Face.made(root / "2", exchange.url, plain(5), "Mine", strategy_id=2)
    runner.load(other)
    wait_until(lambda: bool(second.line()["state"] == "running"))
    runner.disconnect()
    assert {one["strategy_id"] for one in second.do("list")["strategies"]} == {1, 2}
    runner.connect()
    assert runner.load(other)["error"] == "already"
    assert runner.do("unload", strategy_id=2)["ok"]
    assert runner.do("unload", strategy_id=2)["ok"]
    assert {one["strategy_id"] for one in second.do("list")["strategies"]} == {1}
    second.disconnect()
    with pytest.raises(requests.ConnectionError):
        other.ask("ping")


def test_another_market_is_not_taken_in(
    runner: RunningRunner, face: Face, root: Path
) -> None:
    url = "http://127.0.0.1:9/api/v3"
    other = Face.made(root / "elsewhere", url, plain(5), "Mine", strategy_id=3)
    assert runner.load(other)["error"] == "other_group"


def test_only_who_knows_the_password_or_the_token_is_answered(
    runner: RunningRunner, face: Face
) -> None:
    url = f"http://127.0.0.1:{face.port}/api/v1"
    assert requests.get(f"{url}/ping", timeout=10).json() == {"status": "pong"}
    for login in (None, (face.login[0], "wrong"), ("wrong", face.login[1])):
        answer = requests.get(f"{url}/show_config", auth=login, timeout=10)
        assert answer.status_code == 401
    assert face.get("stop").status_code == 404
    with pytest.raises(InvalidStatus):
        connect(face.socket_url() + "x").close()


def test_no_secret_of_a_strategy_is_in_a_log(runner: RunningRunner, face: Face) -> None:
    with connect(face.socket_url()):
        pass
    written = runner.log() + face.log()
    secrets = face.credentials
    for secret in (secrets.password, secrets.ws_token, secrets.jwt_secret_key):
        assert secret not in written


def test_strategies_with_modules_of_the_same_name_are_kept_apart(
    runner: RunningRunner, face: Face, root: Path, exchange: SimulatedExchange
) -> None:
    made = []
    for number in (11, 12, 13, 14):
        code = source(HELPED)
        one = Face.made(
            root / str(number), exchange.url, code, "Mine", strategy_id=number
        )
        (one.paths.strategies / "helper.py").write_text(f"NUMBER = {number}\n")
        made.append(one)
        assert runner.load(one)["ok"]
    for one in made:
        wait_until(one.analysed, 60, runner.log)
        frame = one.frame("BTC/USDT", 1)
        row: dict[str, Any] = dict(zip(frame["columns"], frame["data"][0], strict=True))
        assert row["number"] == one.strategy_id * 101
        assert runner.do("unload", strategy_id=one.strategy_id)["ok"]


def test_a_client_gets_the_answers_of_a_bot_to_what_is_wrong(
    runner: RunningRunner, face: Face
) -> None:
    with connect(face.socket_url()) as client:
        client.send('{"type": "foo"}')
        said = orjson.loads(client.recv(timeout=10))
        assert said == {"type": "exception", "data": "Invalid request type: foo"}
    empty = face.ask("pair_candles", pair="NO/PAIR", timeframe="1m")
    assert (empty["length"], empty["last_analyzed_ts"]) == (0, 0)
    assert face.get("pair_candles").status_code == 422


def test_a_taken_port_is_told(
    runner: RunningRunner, face: Face, root: Path, exchange: SimulatedExchange
) -> None:
    other = Face.made(root / "4", exchange.url, plain(5), "Mine", strategy_id=4)
    other.held.close()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", other.port))
        taken.listen()
        runner.load(other)
        assert runner.wait_for(4, "failed")["error"] == "port"
    runner.do("unload", strategy_id=4)


def test_it_stops_within_seconds_and_takes_everything_along(
    real_freqtrade: InstalledFreqtrade, tmp_path: Path, exchange: SimulatedExchange
) -> None:
    face = Face.made(tmp_path / "1", exchange.url, plain(9), "Mine")
    (tmp_path / "runner").mkdir()
    with RunningRunner(real_freqtrade.python, tmp_path / "runner") as one:
        one.load(face)
        wait_until(face.analysed, 90, one.log)
        children = psutil.Process(one.process.pid).children(recursive=True)
        assert len(children) >= 3
        assert one.do("stop")["ok"]
        assert one.process.wait(5) == 0
    assert not psutil.wait_procs(children, timeout=5)[1]


def test_nothing_outlives_a_runner_that_was_killed(
    real_freqtrade: InstalledFreqtrade, tmp_path: Path, exchange: SimulatedExchange
) -> None:
    face = Face.made(tmp_path / "1", exchange.url, plain(9), "Mine")
    (tmp_path / "runner").mkdir()
    with RunningRunner(real_freqtrade.python, tmp_path / "runner") as one:
        one.load(face)
        wait_until(face.analysed, 90, one.log)
        children = psutil.Process(one.process.pid).children(recursive=True)
        one.process.send_signal(signal.SIGKILL)
        assert not psutil.wait_procs(children, timeout=5)[1]

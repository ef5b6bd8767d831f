"""The simulated exchange as freqtrade sees it, over real sockets."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from django.conf import settings
from django.core.management import CommandError, call_command

from freqtrade_mgmt.simulator import DEFAULT_PAIRS, SimulatedExchange, SimulatorError
from freqtrade_mgmt.simulator.market import (
    HOUR_MS,
    LISTED_MS,
    MINUTE_MS,
    Market,
    open_time,
)
from freqtrade_mgmt.simulator.protocol import BinanceSpot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freqtrade_mgmt.simulator import Fault

NOW = 1_795_377_123_456


@pytest.fixture
def exchange() -> Iterator[SimulatedExchange]:
    with SimulatedExchange(["BTC/USDT", "ETH/USDT"], seed=3) as exchange:
        yield exchange


def get(exchange: SimulatedExchange, path: str, **query: Any) -> requests.Response:
    return requests.get(f"{exchange.url}/{path}", params=query, timeout=60)


def ask(path: str, **query: str) -> tuple[int, Any]:
    answer = BinanceSpot(Market(["BTC/USDT", "ETH/USDT"])).answer(path, query, NOW)
    return answer.status, answer.body


def test_it_answers_everything_that_freqtrade_asks_for(
    exchange: SimulatedExchange,
) -> None:
    assert get(exchange, "ping").json() == {}
    server_time = get(exchange, "time").json()["serverTime"]
    assert abs(server_time - time.time() * 1000) < 5000
    symbols = get(exchange, "exchangeInfo").json()["symbols"]
    assert [symbol["symbol"] for symbol in symbols] == ["BTCUSDT", "ETHUSDT"]
    assert len(get(exchange, "ticker/24hr").json()) == 2
    assert get(exchange, "ticker/price", symbol="ETHUSDT").json()["symbol"] == "ETHUSDT"
    depth = get(exchange, "depth", symbol="BTCUSDT", limit=5).json()
    assert len(depth["bids"]) == len(depth["asks"]) == 5
    assert float(depth["bids"][0][0]) < float(depth["asks"][0][0])
    assert exchange.hits == {
        "ping": 1,
        "time": 1,
        "exchangeInfo": 1,
        "ticker/24hr": 1,
        "ticker/price": 1,
        "depth": 1,
    }


def test_klines_have_binances_twelve_fields_and_end_with_the_forming_candle(
    exchange: SimulatedExchange,
) -> None:
    klines = get(exchange, "klines", symbol="BTCUSDT", interval="1m", limit=3).json()
    assert len(klines) == 3
    assert all(len(kline) == 12 for kline in klines)
    opened, closes = klines[-1][0], klines[-1][6]
    assert opened % MINUTE_MS == 0
    assert closes == opened + MINUTE_MS - 1
    assert opened <= time.time() * 1000 < closes + 5000
    assert klines[1][1] == klines[0][4]


def test_a_restarted_exchange_tells_the_same_history() -> None:
    query = {
        "symbol": "BTCUSDT",
        "interval": "1m",
        "endTime": open_time(NOW, HOUR_MS) - 1,
    }
    answers = []
    for _ in range(2):
        with SimulatedExchange(["BTC/USDT"], seed=5) as exchange:
            answers.append(get(exchange, "klines", **query).json())
    assert answers[0] == answers[1]
    assert len(answers[0]) == 500


def test_a_page_starts_at_start_time_and_has_at_most_a_thousand_candles() -> None:
    start = NOW - 5000 * MINUTE_MS
    first = open_time(start, MINUTE_MS) + MINUTE_MS
    _, page = ask(
        "klines", symbol="BTCUSDT", interval="1m", startTime=str(start), limit="5000"
    )
    assert [page[0][0], page[-1][0]] == [first, first + 999 * MINUTE_MS]
    _, following = ask(
        "klines", symbol="BTCUSDT", interval="1m", startTime=str(page[-1][0] + 1)
    )
    assert following[0][0] == page[-1][0] + MINUTE_MS


def test_a_page_may_be_empty_or_reach_back_to_the_listing() -> None:
    future = str(NOW + HOUR_MS)
    assert ask("klines", symbol="BTCUSDT", interval="1m", startTime=future)[1] == []
    _, oldest = ask("klines", symbol="BTCUSDT", interval="1h", startTime="0", limit="2")
    assert [kline[0] for kline in oldest] == [LISTED_MS, LISTED_MS + HOUR_MS]


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("klines", {"symbol": "NOPEUSDT", "interval": "1m"}, -1121),
        ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("klines", {"symbol": "BTCUSDT"}, -1102),
        ("klines", {"interval": "1m"}, -1102),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": "many"}, -1100),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "startTime": "-5"}, -1100),
        ("depth", {"symbol": ""}, -1102),
        ("ticker/24hr", {"symbol": "X"}, -1121),
        ("ticker/price", {"symbols": "not json"}, -1100),
        ("ticker/price", {"symbols": '["BTCUSDT", 5]'}, -1121),
    ],
)
def test_errors_have_binances_own_shape(
    path: str, query: dict[str, str], code: int
) -> None:
    status, body = ask(path, **query)
    assert status == 400
    assert body["code"] == code
    assert set(body) == {"code", "msg"}


def test_several_symbols_are_answered_in_the_order_asked() -> None:
    _, body = ask("ticker/bookTicker", symbols=json.dumps(["ETHUSDT", "BTCUSDT"]))
    assert [ticker["symbol"] for ticker in body] == ["ETHUSDT", "BTCUSDT"]


def test_nobody_can_place_an_order(exchange: SimulatedExchange) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
    answer = requests.post(f"{exchange.url}/order", data=order, timeout=10)
    assert answer.status_code == 401
    assert answer.json()["code"] == -1002
    assert get(exchange, "account").status_code == 404


@pytest.mark.parametrize(
    ("fault", "status"), [("500", 500), ("429", 429), ("garbage", 200)]
)
def test_a_fault_spoils_answers_until_it_ends(
    exchange: SimulatedExchange, fault: Fault, status: int
) -> None:
    exchange.set_fault(fault)
    answer = get(exchange, "time")
    assert answer.status_code == status
    if fault == "garbage":
        with pytest.raises(ValueError, match="Expecting"):
            answer.json()
    else:
        assert answer.json()["code"] < 0
    exchange.set_fault(None)
    assert get(exchange, "time").ok
    assert exchange.faults == {fault: 1}


def test_a_dropped_connection_has_no_answer(exchange: SimulatedExchange) -> None:
    exchange.set_fault("drop")
    with pytest.raises(requests.ConnectionError):
        get(exchange, "time")


def test_what_hangs_is_let_go_when_the_fault_ends(exchange: SimulatedExchange) -> None:
    exchange.set_fault("hang")
    outcome: list[str] = []

    def wait() -> None:
        try:
            get(exchange, "time")
        except requests.ConnectionError as error:
            outcome.append(type(error).__name__)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: exchange.faults["hang"] == 1)
    assert outcome == []
    exchange.set_fault(None)
    thread.join(5)
    assert outcome == ["ConnectionError"]
    assert get(exchange, "time").ok


def test_it_can_be_stopped_while_requests_hang() -> None:
    exchange = SimulatedExchange(["BTC/USDT"]).start()
    exchange.set_fault("hang")
    with socket.create_connection((exchange.host, exchange.port)) as client:
        client.sendall(b"GET /api/v3/time HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: exchange.faults["hang"] == 1)
        started = time.monotonic()
        exchange.stop()
        assert time.monotonic() - started < 5
        client.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    exchange.stop()


def test_a_fault_that_nobody_knows_is_refused(exchange: SimulatedExchange) -> None:
    with pytest.raises(ValueError, match="'fire' is not one of"):
        exchange.set_fault("fire")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",  # noqa: S104
        "::",
        "192.168.1.5",
        "localhost",
        "example.org",
        "",
    ],
)
def test_it_never_listens_beyond_this_machine(host: str) -> None:
    with pytest.raises(SimulatorError, match="never listens"):
        SimulatedExchange(host=host)


def test_a_port_in_use_is_named_with_the_cure(exchange: SimulatedExchange) -> None:
    second = SimulatedExchange(port=exchange.port)
    with pytest.raises(SimulatorError, match=f"Port {exchange.port} .*choose another"):
        second.start()
    with pytest.raises(SimulatorError, match="already listens"):
        exchange.start()
    with pytest.raises(CommandError, match=f"Port {exchange.port} "):
        call_command("run_simulator", port=exchange.port)


def test_it_can_start_again_on_the_same_port() -> None:
    exchange = SimulatedExchange(["BTC/USDT"])
    with exchange:
        port = exchange.port
    with exchange:
        assert exchange.port == port
        assert get(exchange, "time").ok


def test_twenty_pairs_are_answered_side_by_side() -> None:
    with SimulatedExchange() as exchange:
        symbols = [name.replace("/", "") for name in DEFAULT_PAIRS]
        counts: dict[str, int] = {}

        def fetch(symbol: str) -> None:
            query = {"symbol": symbol, "interval": "1m", "limit": 1000}
            counts[symbol] = len(get(exchange, "klines", **query).json())

        threads = [threading.Thread(target=fetch, args=(s,)) for s in symbols]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert counts == dict.fromkeys(symbols, 1000)
    assert exchange.hits["klines"] == 20


def test_the_command_serves_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "manage.py", "run_simulator", "--port", "0"]
    with subprocess.Popen(
        [*command, "--seed", "4", "--pairs", "BTC/USDT,ETH/USDT"],
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        try:
            line = child.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/api/v3", line)
            assert found, line
            address = found[0]
            assert requests.get(f"{address}/time", timeout=10).ok
            child.send_signal(signal.SIGTERM)
            assert child.wait(10) == 0
            assert len(child.stdout.read().splitlines()) == 1
        finally:
            child.kill()


def test_the_command_refuses_a_pair_of_another_form() -> None:
    with pytest.raises(CommandError, match="'btc' is not a pair"):
        call_command("run_simulator", port=0, pairs="BTC/USDT,btc")


def wait_until(condition: Any, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.01)

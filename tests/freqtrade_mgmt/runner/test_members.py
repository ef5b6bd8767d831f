"""What a worker is given, in which order, and what becomes of it. No process is started."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest

from freqtrade_mgmt.runner.hosted import Hosted, Order, OrderError, Server
from freqtrade_mgmt.runner.members import Member, Task
from freqtrade_mgmt.runner.wire import packed

if TYPE_CHECKING:
    import asyncio


class Written:
    """Takes what is sent to a worker."""

    def __init__(self) -> None:
        self.heads: list[dict[str, Any]] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        size, _body = struct.unpack(">II", data[:8])
        self.heads.append(orjson.loads(data[8 : 8 + size]))

    def close(self) -> None:
        self.closed = True


def hosted(number: int) -> Hosted:
    server = Server("127.0.0.1", 1, "user", "password", "token")
    order = Order(number, "run", "", "", Path("log"), None, server, b"")
    return Hosted(order, since_ms=0)


def task(one: Hosted, urgency: float, do: str = "analyse") -> Task:
    return Task(urgency, do, one, 9.0, lambda _said, _parts: None)


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def member(written: Written) -> Member:
    return Member("worker-1", 0, cast("asyncio.StreamWriter", written))


def given(written: Written) -> list[int]:
    return [head["strategy_id"] for head in written.heads]


def test_the_nearest_deadline_is_done_first_and_then_the_oldest(
    member: Member, written: Written
) -> None:
    slow, fast, other = hosted(1), hosted(2), hosted(3)
    for one, urgency in ((slow, 300), (slow, 300), (other, 60), (fast, 5), (other, 60)):
        member.put(task(one, urgency))
    # Two were under way before anything more urgent came.
    while current := member.current:
        member.finished(current.number)
    assert given(written) == [1, 1, 2, 3, 3]


def test_questions_and_analyses_take_turns(member: Member, written: Written) -> None:
    asked, analysed = hosted(1), hosted(2)
    for _ in range(4):
        member.put(task(analysed, 60))
    for _ in range(3):
        member.ask(task(asked, 0, "ask"))
    while current := member.current:
        member.finished(current.number)
    assert given(written) == [2, 2, 1, 2, 1, 2, 1]


def test_what_is_sent_for_one_that_goes_is_forgotten(
    member: Member, written: Written
) -> None:
    gone, stays = hosted(1), hosted(2)
    for one in (stays, stays, gone, gone, stays):
        member.put(task(one, 60))
    member.drop(gone)
    while current := member.current:
        member.finished(current.number)
    assert given(written) == [2, 2, 2]


def test_nothing_is_given_to_a_member_that_closes(
    member: Member, written: Written
) -> None:
    member.close()
    member.put(task(hosted(1), 60))
    assert written.closed
    assert written.heads == []
    assert member.waiting == 1
    assert len(member.unanswered()) == 1


def test_an_answer_that_nobody_waits_for_is_nothing(member: Member) -> None:
    member.put(task(hosted(1), 60))
    assert member.finished(12345678) is None
    member.part(12345678, b"x")


def test_a_message_is_its_sizes_its_head_and_its_body() -> None:
    assert packed({"a": 1}, b"xy") == struct.pack(">II", 7, 2) + b'{"a":1}xy'


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"api_server": 1}', "no json"])
def test_a_configuration_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config.json"
    config.write_text(text)
    asked = {"strategy_id": 1, "config": str(config), "userdir": "", "log": ""}
    with pytest.raises(OrderError, match="cannot be read") as caught:
        Order.of(asked)
    assert caught.value.code == "config"


def test_no_secret_is_in_the_text_of_an_order(tmp_path: Path) -> None:
    secrets = {
        "username": "kept-user",
        "password": "kept-password",
        "ws_token": "kept-token",
    }
    server = {"listen_port": 1, **secrets}
    config = tmp_path / "config.json"
    config.write_bytes(orjson.dumps({"api_server": server, "exchange": {"name": "x"}}))
    order = Order.of({"strategy_id": 1, "config": config, "userdir": "", "log": ""})
    assert order.server.password == "kept-password"
    for secret in secrets.values():
        assert secret not in repr(order)


def test_only_the_pairs_may_differ_within_a_group(tmp_path: Path) -> None:
    def group(**exchange: object) -> bytes:
        config = tmp_path / "config.json"
        server = {"listen_port": 1, "username": "u", "password": "p", "ws_token": "t"}
        config.write_bytes(orjson.dumps({"api_server": server, "exchange": exchange}))
        order = {"strategy_id": 1, "config": config, "userdir": "", "log": ""}
        return Order.of(order).group

    one = group(name="binance", pair_whitelist=["A/B"])
    assert one == group(pair_whitelist=["C/D"], name="binance")
    assert one != group(name="okx", pair_whitelist=["A/B"])
    assert one != group(name="binance", ccxt_config={"httpsProxy": "http://x:1"})

"""Telegram against a Bot API that behaves well and badly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from btc_watcher.lib import outgoing
from btc_watcher.lib.errors import ConfigurationError, TransportError
from notifications.transports.base import Outgoing
from notifications.transports.telegram import (
    TelegramTransport,
    html_text,
    plain_text,
)
from tests.notifications.conftest import TOKEN

if TYPE_CHECKING:
    from notifications.transports.base import Receipt
    from tests.notifications.fakes import TelegramFake

MESSAGE = Outgoing(
    id=7,
    title="▲ BUY BTC/USDT <5m>",
    body="Strategy: ema_cross & *co*",
    priority="P1",
    message_type="signal",
    queued_at=datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
)
PARSE_ERROR = {
    "ok": False,
    "error_code": 400,
    "description": "Bad Request: can't parse entities: unsupported start tag",
}


def config_of(fake: TelegramFake) -> dict[str, Any]:
    return {"chat_id": "-100123", "token": "a token", "api_base": f"{fake.base}/"}


def deliver(fake: TelegramFake, **changes: Any) -> Receipt:
    return TelegramTransport().deliver(
        config_of(fake) | changes, {"token": TOKEN}, MESSAGE
    )


def failure(fake: TelegramFake) -> TransportError:
    with pytest.raises(TransportError) as caught:
        deliver(fake)
    assert TOKEN not in str(caught.value)
    return caught.value


def refusal(
    code: int, description: str, **parameters: Any
) -> tuple[int, dict[str, Any]]:
    return code, {
        "ok": False,
        "error_code": code,
        "description": description,
        "parameters": parameters,
    }


def test_a_message_goes_out_as_escaped_html(telegram: TelegramFake) -> None:
    receipt = deliver(telegram)
    (request,) = telegram.requests
    assert telegram.paths == [f"/bot{TOKEN}/sendMessage"]
    assert request["chat_id"] == "-100123"
    assert request["parse_mode"] == "HTML"
    assert request["text"] == (
        "<b>[P1] ▲ BUY BTC/USDT &lt;5m&gt;</b>\nStrategy: ema_cross &amp; *co*"
    )
    assert (receipt.code, receipt.message_id) == (200, "77")


def test_what_cannot_be_parsed_goes_once_more_as_plain_text(
    telegram: TelegramFake,
) -> None:
    telegram.answers.append((400, PARSE_ERROR))
    assert deliver(telegram).code == 200
    html, plain = telegram.requests
    assert html["parse_mode"] == "HTML"
    assert "parse_mode" not in plain
    assert plain["text"] == "[P1] ▲ BUY BTC/USDT <5m>\nStrategy: ema_cross & *co*"


def test_plain_text_is_tried_once_only(telegram: TelegramFake) -> None:
    telegram.answers.extend([(400, PARSE_ERROR)] * 2)
    assert failure(telegram).permanent
    assert len(telegram.requests) == 2


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        (refusal(400, "Bad Request: chat not found"), "'chat_id'"),
        (refusal(403, "Forbidden: bot was blocked by the user"), "'chat_id'"),
        (refusal(401, "Unauthorized"), "'token'"),
        (refusal(404, "Not Found"), "'token'"),
    ],
)
def test_a_refusal_that_stays_is_permanent(
    telegram: TelegramFake, answer: tuple[int, Any], names: str
) -> None:
    telegram.answers.append(answer)
    error = failure(telegram)
    assert (error.permanent, error.code) == (True, answer[0])
    assert names in error.message
    assert answer[1]["description"] in error.message


@pytest.mark.parametrize(
    ("description", "disables"),
    [
        ("chat not found", True),
        ("message thread not found", True),
        ("need administrator rights in the channel chat", True),
        ("odd", False),
    ],
)
def test_a_chat_that_is_gone_disables_the_channel(
    telegram: TelegramFake, description: str, disables: bool
) -> None:
    telegram.answers.append(refusal(400, f"Bad Request: {description}"))
    assert failure(telegram).disables is disables


def test_a_group_that_moved_is_followed_and_its_number_handed_back(
    telegram: TelegramFake,
) -> None:
    telegram.moved["-100123"] = -1009
    receipt = deliver(telegram)
    assert receipt.config_update == {"chat_id": -1009}
    assert [each["chat_id"] for each in telegram.requests] == ["-100123", -1009]
    assert len(telegram.messages) == 1


def test_a_group_that_moves_for_ever_is_not_followed_for_ever(
    telegram: TelegramFake,
) -> None:
    moving = refusal(400, "upgraded", migrate_to_chat_id=-1009)
    telegram.answers.extend([moving, moving, moving])
    error = failure(telegram)
    assert error.permanent
    assert "-1009" in error.message
    assert len(telegram.requests) == 2


def test_too_many_requests_tell_how_long_to_wait(telegram: TelegramFake) -> None:
    telegram.answers.append(refusal(429, "Too Many Requests", retry_after=17))
    error = failure(telegram)
    assert (error.permanent, error.code, error.retry_after) == (False, 429, 17.0)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>Log in to this network</html>"),
        (200, b""),
        (200, b"[]"),
        (200, b'{"ok": 1}'),
        (200, b'{"result": {"message_id": 1}}'),
        (302, b""),
        (404, b"<h1>nginx</h1>"),
        (502, b"<h1>Bad Gateway</h1>"),
        (500, b'{"ok": false, "error_code": 500, "description": "Internal"}'),
        (500, b'{"ok": true}'),
        (200, b'{"ok": false}'),
        (200, b'{"ok": false, "error_code": 99999999999, "parameters": [1]}'),
    ],
)
def test_anything_but_ok_is_not_delivered(
    telegram: TelegramFake, status: int, body: bytes
) -> None:
    telegram.answers.append((status, body))
    error = failure(telegram)
    assert not error.permanent
    assert error.code == status


def test_no_answer_is_temporary(
    telegram: TelegramFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "READ_TIMEOUT", 0.2)
    telegram.hold = True
    error = failure(telegram)
    assert not error.permanent
    assert "127.0.0.1 did not answer" in error.message


def test_no_server_is_temporary(telegram: TelegramFake, dead_port: int) -> None:
    with pytest.raises(TransportError) as caught:
        deliver(telegram, api_base=f"http://127.0.0.1:{dead_port}")
    assert not caught.value.permanent
    assert TOKEN not in caught.value.message


def test_a_token_that_is_none_is_never_sent(telegram: TelegramFake) -> None:
    with pytest.raises(TransportError, match="'token' is not a bot token") as caught:
        TelegramTransport().deliver(
            config_of(telegram), {"token": "my/../secret"}, MESSAGE
        )
    assert caught.value.permanent
    assert "secret" not in caught.value.message
    assert not telegram.requests


@pytest.mark.parametrize("letter", ["x", "&", "中", "😀"])
def test_long_texts_fit_telegrams_limit(letter: str) -> None:
    long = replace(MESSAGE, body=letter * 6000)
    text = plain_text(long)
    assert len(text.encode("utf-16-le")) // 2 in (4095, 4096)
    assert text.endswith("…")
    html = html_text(long)
    assert html.endswith("…")
    assert html.count("&amp;" if letter == "&" else letter) == text.count(letter)


def test_a_message_without_body_is_its_title() -> None:
    bare = replace(MESSAGE, title="Done", body="")
    assert html_text(bare) == "<b>[P1] Done</b>"
    assert plain_text(bare) == "[P1] Done"


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({"chat_id": 1}, "'token'"),
        ({"token": "t"}, "'chat_id'"),
        ({"token": "t", "chat_id": True}, "'chat_id'"),
        ({"token": "t", "chat_id": 1, "api_base": "ftp://x"}, "'ftp://x'"),
        ({"token": "t", "chat_id": 1, "api_base": None}, "'api_base'"),
    ],
)
def test_a_wrong_configuration_names_the_key(
    config: dict[str, Any], names: str
) -> None:
    with pytest.raises(ConfigurationError, match=names):
        TelegramTransport().check(config)

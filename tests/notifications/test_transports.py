"""What holds for every transport, against fakes that behave well and badly."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from btc_watcher.lib import outgoing
from btc_watcher.lib.errors import ConfigurationError, TransportError
from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.transports import SECRET_FIELDS, TRANSPORTS
from notifications.transports.apprise import AppriseTransport
from notifications.transports.email import EmailTransport
from tests.notifications.fakes import HttpFake, RawServer
from tests.notifications.providers import (
    CASES,
    MESSAGE,
    Case,
    channel_of,
    elsewhere,
    secrets_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notifications.models import NotificationChannel
    from notifications.transports.base import Outgoing, Receipt, Transport

every_case = pytest.mark.parametrize("case", CASES, ids=str)
LONG = "长文 <b>&amp; 10,000 characters of 🚀 it\n" * 300


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "READ_TIMEOUT", 0.6)
    monkeypatch.setattr(outgoing, "TOTAL_TIMEOUT", 1.2)
    monkeypatch.setattr(EmailTransport, "deadline", 1.2)
    monkeypatch.setattr(AppriseTransport, "deadline", 5.0)


class Kept(logging.Handler):
    """Keeps what reaches the root logger, where the product's own handlers are."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += f"{record.getMessage()}\n"


@pytest.fixture
def log() -> Iterator[Kept]:
    """Everything that is logged, down to DEBUG."""
    root, kept = logging.getLogger(), Kept()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    yield kept
    root.setLevel(level)
    root.removeHandler(kept)


@pytest.fixture
def fake(case: Case) -> Iterator[HttpFake]:
    """The case's provider."""
    with case.fake() as running:
        yield running


def send(channel: NotificationChannel, message: Outgoing = MESSAGE) -> Receipt:
    return TRANSPORTS[channel.type].send(channel, message)


def failure(
    channel: NotificationChannel, message: Outgoing = MESSAGE
) -> TransportError:
    with pytest.raises(TransportError) as caught:
        send(channel, message)
    assert caught.value.message.strip()
    # Neither may a traceback in a log tell what the provider or requests said.
    assert caught.value.__suppress_context__
    return caught.value


@every_case
def test_a_message_arrives_and_the_provider_is_quoted(
    case: Case, fake: HttpFake
) -> None:
    receipt = send(channel_of(case.kind, case.values(fake)))
    (text,) = case.shown(fake)
    assert "BTC/USDT" in text
    assert receipt.code in (0, 200, 201, 204)
    assert receipt.detail
    assert receipt.body or not case.careful
    assert not receipt.refused
    assert receipt.config_update is None


@every_case
@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("_*[]<>& BUY", "ema_cross *co* [a](b) <b>x</b> & `code` ~~x~~ **y** __z__"),
        ("做多 BTC/USDT", "策略:均线交叉\n价格:63210.5 🚀👨‍👩‍👧‍👦"),
        ("<@all> {title} ${x} %s", "{body} # not a heading\n> not a quote\n# nor this"),
    ],
    ids=["marks", "chinese", "templates"],
)
def test_every_letter_arrives_as_it_was_written(
    case: Case, fake: HttpFake, title: str, body: str
) -> None:
    send(
        channel_of(case.kind, case.values(fake)),
        replace(MESSAGE, title=title, body=body),
    )
    (text,) = case.shown(fake)
    if case.kind == "sms":
        # One line, cut to what the template takes.
        assert title.split(maxsplit=1)[0][:10] in text
        return
    assert title in text
    assert body in text


@every_case
def test_ten_thousand_characters_are_cut_to_what_the_provider_takes(
    case: Case, fake: HttpFake
) -> None:
    assert len(LONG) > 10_000
    send(channel_of(case.kind, case.values(fake)), replace(MESSAGE, body=LONG))
    (text,) = case.shown(fake)
    assert "长文" in text
    assert "\ufffd" not in text


@every_case
def test_no_server_is_temporary_and_nothing_was_sent(
    case: Case, fake: HttpFake, dead_port: int
) -> None:
    values = elsewhere(case.values(fake), fake, dead_port)
    error = failure(channel_of(case.kind, values))
    assert (error.permanent, error.disables, error.unknown) == (False, False, False)
    assert "127.0.0.1" in error.message


@every_case
@pytest.mark.parametrize("mode", ["silent", "close", "half", "drip_head", "drip_body"])
def test_what_is_not_answered_in_time_and_whole_has_an_unknown_outcome(
    case: Case, fake: HttpFake, mode: str
) -> None:
    with RawServer(mode) as server:
        values = elsewhere(case.values(fake), fake, server.port)
        started = time.monotonic()
        error = failure(channel_of(case.kind, values))
        assert time.monotonic() - started < 4
    assert not error.permanent
    assert not error.disables
    assert error.unknown is case.sends_first


@every_case
def test_an_answer_without_end_is_not_read_to_its_end(
    case: Case, fake: HttpFake
) -> None:
    with RawServer("huge") as server:
        values = elsewhere(case.values(fake), fake, server.port)
        error = failure(channel_of(case.kind, values))
    assert "more than 262144 bytes" in error.message
    assert not error.permanent


@every_case
def test_a_provider_that_is_busy_says_how_long_to_wait(
    case: Case, fake: HttpFake
) -> None:
    answer, seconds = case.busy
    fake.answers.append(answer)
    error = failure(channel_of(case.kind, case.values(fake)))
    assert (error.permanent, error.disables, error.unknown) == (False, False, False)
    assert error.retry_after == seconds
    assert error.body


@every_case
@pytest.mark.parametrize("body", [b"", b"<h1>Too Many</h1>", b'{"a": 1}'])
def test_429_without_a_delay_is_temporary(
    case: Case, fake: HttpFake, body: bytes
) -> None:
    fake.answers.append((429, body))
    error = failure(channel_of(case.kind, case.values(fake)))
    assert (error.permanent, error.retry_after, error.code) == (False, None, 429)


@every_case
@pytest.mark.parametrize("body", [b"", b"<h1>Bad Gateway</h1>", b'{"ok": 1}', b"[]"])
def test_500_is_temporary(case: Case, fake: HttpFake, body: bytes) -> None:
    fake.answers.append((502, body))
    error = failure(channel_of(case.kind, case.values(fake)))
    assert (error.permanent, error.disables, error.unknown) == (False, False, False)
    assert error.code == 502
    assert "502" in error.message


@pytest.mark.parametrize("case", [each for each in CASES if each.no], ids=str)
def test_200_with_a_refusal_in_the_body_is_not_delivered(
    case: Case, fake: HttpFake
) -> None:
    assert case.no
    fake.answers.append(case.no)
    error = failure(channel_of(case.kind, case.values(fake)))
    words = next(
        value for value in case.no[1].values() if isinstance(value, str) and value
    )
    assert words in error.message or words in error.body
    assert not error.unknown


@pytest.mark.parametrize("case", [each for each in CASES if each.careful], ids=str)
@pytest.mark.parametrize(
    "body", [b"", b"<html>Log in to this network</html>", b"[]", b'{"x": 0}', b"null"]
)
def test_200_without_the_providers_word_is_not_delivered(
    case: Case, fake: HttpFake, body: bytes
) -> None:
    fake.answers.append((200, body))
    error = failure(channel_of(case.kind, case.values(fake)))
    assert not error.permanent
    assert error.unknown is case.sends_first


@every_case
@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
def test_secrets_are_in_no_error_receipt_or_log(
    case: Case, fake: HttpFake, status: int, log: Kept
) -> None:
    values = case.values(fake)
    secrets = secrets_of(case.kind, values)
    echo = " ".join(secrets)
    body = {
        "ok": status == 200,
        "description": echo,
        "errcode": 0 if status == 200 else 1,
        "errmsg": echo,
        "code": 0 if status == 200 else 7,
        "msg": echo,
        "message": echo,
        "Message": echo,
        "Code": "OK" if status == 200 else "isv.ECHO",
        "sid": echo,
        "access_token": echo,
        "expires_in": 7200,
        "path": [fake.base, *secrets],
        "text": json.dumps(secrets),
    }
    fake.answers.extend([(status, body), (status, body)])
    try:
        told = repr(send(channel_of(case.kind, values)))
    except TransportError as error:
        told = f"{error.message} {error.facts}"
    for secret in secrets:
        parts = [secret, *(each for each in secret.split("/") if len(each) > 16)]
        for part in parts:
            assert part not in told
            assert part not in log.text


@every_case
@pytest.mark.parametrize("mode", ["half", "drip_head", "close"])
def test_secrets_are_in_no_error_of_a_broken_connection(
    case: Case, fake: HttpFake, mode: str, log: Kept
) -> None:
    values = case.values(fake)
    with RawServer(mode) as server:
        error = failure(channel_of(case.kind, elsewhere(values, fake, server.port)))
    for secret in secrets_of(case.kind, values):
        tail = secret.rpartition("/")[2]
        assert tail not in f"{error.message} {error.facts} {log.text}"


# -- Email, which speaks another protocol -------------------------------------


@pytest.mark.parametrize("mode", ["silent", "close", "half", "drip_head", "huge"])
def test_a_mail_server_that_breaks_the_protocol_is_temporary(
    mode: str, email_config: dict[str, Any]
) -> None:
    with RawServer(mode) as server:
        config = email_config | {"port": server.port, "timeout": 1}
        started = time.monotonic()
        error = failure(channel_of("email", config))
        assert time.monotonic() - started < 4
    assert not error.permanent
    # It never came to the text of the mail.
    assert not error.unknown


# -- What forms and the API read ----------------------------------------------


@pytest.mark.parametrize("transport", TRANSPORTS.values(), ids=TRANSPORTS.keys())
def test_a_transport_says_what_a_form_needs(transport: Transport) -> None:
    fields = transport.fields
    names = [each.name for each in fields]
    assert len(names) == len(set(names))
    assert set(transport.secret_fields) <= set(names)
    for each in fields:
        assert str(each.label)
        if each.only:
            key, choices = each.only
            other = next(field for field in fields if field.name == key)
            assert set(choices) <= {value for value, _label in other.choices}
        if each.choices and each.default is not None:
            assert each.default in [value for value, _label in each.choices]
    assert transport.default_limits.keys() <= {"second", "minute", "hour", "day"}
    assert all(limit > 0 for limit in transport.default_limits.values())
    assert set(transport.default_priorities) <= set(PRIORITIES)
    assert transport.default_priorities


@pytest.mark.parametrize("transport", TRANSPORTS.values(), ids=TRANSPORTS.keys())
def test_an_empty_configuration_is_refused_by_the_name_of_a_key(
    transport: Transport,
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        transport.check({})
    assert any(f"'{each.name}'" in caught.value.message for each in transport.fields)


def test_a_key_is_a_secret_everywhere_or_nowhere() -> None:
    # Secrets of every type are encrypted in every channel.
    plain = {
        field.name
        for each in TRANSPORTS.values()
        for field in each.fields
        if not field.secret
    }
    assert not plain & set(SECRET_FIELDS)


def test_every_configuration_key_of_the_cases_is_a_field() -> None:
    for case in CASES:
        with case.fake() as fake:
            known = {each.name for each in TRANSPORTS[case.kind].fields}
            assert set(case.values(fake)) <= known, case


def test_text_messages_go_out_for_p0_only_unless_a_channel_says_otherwise() -> None:
    assert TRANSPORTS["sms"].default_priorities == ("P0",)
    assert TRANSPORTS["sms"].default_limits["day"] <= 50

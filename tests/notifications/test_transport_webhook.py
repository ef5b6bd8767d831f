"""Webhooks: what they say, who signs, and where they may not go."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from btc_watcher.lib import sockets
from btc_watcher.lib.errors import ConfigurationError, TransportError
from btc_watcher.lib.sockets import ProxyAddress
from notifications.transports.webhook import WebhookTransport, signature
from tests.notifications.fakes import ProxyFake, WebhookFake
from tests.notifications.providers import MESSAGE, channel_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notifications.transports.base import Receipt


@pytest.fixture
def hook() -> Iterator[WebhookFake]:
    with WebhookFake() as fake:
        yield fake


def deliver(hook: WebhookFake, config: Any = None, **secrets: str) -> Receipt:
    config = {"allow_private": True} | (config or {})
    return WebhookTransport().deliver(config, {"url": hook.url} | secrets, MESSAGE)


def failure(hook: WebhookFake, config: Any = None, **secrets: str) -> TransportError:
    with pytest.raises(TransportError) as caught:
        deliver(hook, config, **secrets)
    return caught.value


def test_without_a_body_of_its_own_everything_is_told(hook: WebhookFake) -> None:
    receipt = deliver(hook)
    assert hook.taken == [
        {
            "id": 7,
            "title": MESSAGE.title,
            "body": MESSAGE.body,
            "priority": "P0",
            "message_type": "signal",
            "queued_at": "2026-11-22T12:00:00+00:00",
            "context": dict(MESSAGE.context),
        }
    ]
    assert (receipt.code, receipt.detail) == (204, "The receiver answered 204.")


def test_a_body_is_filled_and_keeps_its_types(hook: WebhookFake) -> None:
    body = {
        "msgtype": "text",
        "text": {"content": "{priority} {title} at {price}, rsi {indicators.rsi}"},
        "price": "{price}",
        "all": ["{indicators}", "{gone}", "{gone} {a b} {}", 5, None, True],
    }
    deliver(hook, {"body": body})
    assert hook.taken == [
        {
            "msgtype": "text",
            "text": {"content": f"P0 {MESSAGE.title} at 63210.5, rsi 28.1"},
            "price": 63210.5,
            "all": [{"rsi": 28.1}, None, " {a b} {}", 5, None, True],
        }
    ]


def test_the_receiver_can_check_who_calls(hook: WebhookFake) -> None:
    hook.secret, hook.authorization = "shared", "Bearer abc"
    deliver(hook, secret="shared", authorization="Bearer abc")
    assert hook.received[0].headers["x-btcw-notification"] == "7"
    wrong = failure(hook, secret="other", authorization="Bearer abc")
    assert (wrong.code, wrong.permanent, wrong.disables) == (401, True, False)
    assert "bad signature" in wrong.body


def test_the_signature_covers_the_time() -> None:
    assert signature("s", 1, b"x") != signature("s", 2, b"x")
    assert signature("s", 1, b"x").startswith("sha256=")


@pytest.mark.parametrize(
    ("status", "permanent", "disables"),
    [
        (301, True, False),
        (400, True, False),
        (404, True, False),
        (408, False, False),
        (410, True, True),
        (425, False, False),
        (503, False, False),
    ],
)
def test_what_a_status_means(
    hook: WebhookFake, status: int, permanent: bool, disables: bool
) -> None:
    hook.answers.append((status, b"no", {"Location": "/elsewhere"}))
    error = failure(hook)
    assert (error.permanent, error.disables) == (permanent, disables)
    assert (error.code, error.body) == (status, "no")
    assert len(hook.received) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0.5", 0.5),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("-5", None),
        ("nan", None),
        ("soon", None),
        ("9" * 400, None),
        ("Wed, 21 Oct 2015 07:28:00", None),
    ],
)
def test_a_delay_is_honoured_when_it_is_one(
    hook: WebhookFake, header: str, seconds: float | None
) -> None:
    hook.answers.append((503, b"", {"Retry-After": header}))
    assert failure(hook).retry_after == seconds


# -- Where it may go ----------------------------------------------------------


def test_this_machine_is_reached_only_when_it_is_allowed(hook: WebhookFake) -> None:
    error = failure(hook, {"allow_private": False})
    assert (error.permanent, error.unknown) == (True, False)
    assert "'allow_private'" in error.message
    assert failure(hook, {"allow_private": "true"}).permanent
    assert not hook.received


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",  # noqa: S104 - an address that leads home
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00::1]",
        "224.0.0.1",
    ],
)
def test_addresses_that_are_not_public_are_refused(
    hook: WebhookFake, host: str
) -> None:
    error = failure(hook, {"allow_private": False}, url=f"https://{host}/x")
    assert error.permanent
    assert "private network" in error.message


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "100.100.100.200", "192.0.0.192", "[fd00:ec2::254]"]
)
def test_where_clouds_give_credentials_away_is_never_allowed(
    hook: WebhookFake, host: str
) -> None:
    error = failure(hook, url=f"https://{host}/latest/meta-data/")
    assert error.permanent
    assert "'allow_private'" in error.message


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1/x",
        "https://127.1/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://home.localhost/x",
        "https://127.0.0.1\\@example.org/x",
    ],
)
def test_a_proxy_is_not_asked_for_an_address_of_this_machine(address: str) -> None:
    with ProxyFake() as proxy:
        way = ProxyAddress("http", "127.0.0.1", proxy.port)
        with pytest.raises(TransportError, match="private network") as caught:
            WebhookTransport().deliver({}, {"url": address}, MESSAGE, way)
        assert not proxy.targets
    assert caught.value.permanent


def test_a_name_that_leads_home_is_refused(
    hook: WebhookFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = socket.getaddrinfo

    def lying(host: str, *args: Any, **kwargs: Any) -> Any:
        return ask("127.0.0.1" if host == "hook.test" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lying)
    port = hook.base.rpartition(":")[2]
    error = failure(hook, {"allow_private": False}, url=f"https://hook.test:{port}/x")
    assert error.permanent
    assert "hook.test is 127.0.0.1" in error.message


def test_a_name_that_changes_its_address_is_caught_at_the_connection(
    hook: WebhookFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the first question had been answered with a public address.
    monkeypatch.setattr(sockets, "addresses_check", lambda *_args: None)
    monkeypatch.setattr("btc_watcher.lib.outgoing.literal_check", lambda *_args: None)
    error = failure(hook, {"allow_private": False})
    assert error.permanent
    assert not hook.received


@pytest.mark.parametrize("body", ["text", 5, True])
def test_a_body_that_is_no_json_structure_is_refused(body: object) -> None:
    with pytest.raises(ConfigurationError, match="'body'"):
        WebhookTransport().check({"url": "https://a.example/", "body": body})


def test_only_the_operator_knows_whether_repeats_are_harmless() -> None:
    transport = WebhookTransport()
    assert not transport.is_idempotent({})
    assert transport.is_idempotent({"idempotent": True})


@pytest.mark.parametrize("authorization", ["Bearer 密钥", "Bearer a\r\nX-More: b"])
def test_a_header_that_no_request_can_carry_is_told(
    hook: WebhookFake, authorization: str
) -> None:
    error = failure(hook, authorization=authorization)
    assert (error.permanent, error.disables) == (True, True)
    assert "'authorization'" in error.message
    assert not hook.received


def test_no_part_of_a_secret_is_left_where_an_answer_is_cut(hook: WebhookFake) -> None:
    secret = "bearer-0123456789-abcdefghij"
    hook.answers.append((400, f"{'x' * 990}{secret} and more".encode()))
    values = {"url": hook.url, "authorization": secret, "allow_private": True}
    with pytest.raises(TransportError) as caught:
        WebhookTransport().send(channel_of("webhook", values), MESSAGE)
    assert caught.value.body == f"{'x' * 990}*** and mo"

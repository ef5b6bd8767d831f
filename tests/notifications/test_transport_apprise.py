"""Apprise on a lead: real services of apprise against servers on loopback."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from btc_watcher.lib.errors import TransportError
from btc_watcher.lib.sockets import ProxyAddress
from notifications.transports import apprise_bridge
from notifications.transports.apprise import AppriseTransport
from tests.notifications.fakes import NtfyFake, ProxyFake, RawServer, WebhookFake
from tests.notifications.providers import MESSAGE, ntfy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notifications.transports.base import Receipt


@pytest.fixture
def server() -> Iterator[NtfyFake]:
    with NtfyFake() as fake:
        yield fake


def deliver(url: str, proxy: ProxyAddress | None = None, **config: Any) -> Receipt:
    config = {"allow_private": True} | config
    return AppriseTransport().deliver(config, {"url": url}, MESSAGE, proxy)


def failure(url: str, *args: Any, **config: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        deliver(url, *args, **config)
    return caught.value


def test_a_service_publishes_the_message(server: NtfyFake) -> None:
    receipt = deliver(ntfy(server)["url"])
    (message,) = server.messages
    assert message["title"] == MESSAGE.head
    assert message["message"] == MESSAGE.body
    assert receipt.detail == "ntfy took the message."
    assert '"event": "message"' in receipt.body


def test_another_service_needs_no_code() -> None:
    with WebhookFake() as hook:
        host = hook.base.removeprefix("http://")
        receipt = deliver(f"json://{host}/hooks/x")
        (taken,) = hook.taken
    assert isinstance(taken, dict)
    assert (taken["title"], taken["message"]) == (MESSAGE.head, MESSAGE.body)
    assert receipt.code == 204


def test_200_is_not_delivery_when_the_body_denies_it() -> None:
    # As DingTalk does, which apprise itself takes for sent.
    with WebhookFake() as hook:
        hook.answers.append((200, {"errcode": 310000, "errmsg": "no keyword"}))
        error = failure(f"json://{hook.base.removeprefix('http://')}/robot")
    assert "did not take the message" in error.message
    assert "no keyword" in error.body


@pytest.mark.parametrize(
    ("status", "permanent", "disables"), [(400, True, False), (403, True, True)]
)
def test_what_apprise_heard_is_told(
    server: NtfyFake, status: int, permanent: bool, disables: bool
) -> None:
    server.answers.append((status, {"code": 40301, "error": "forbidden topic"}))
    error = failure(server.url)
    assert (error.permanent, error.disables) == (permanent, disables)
    assert error.code == status
    assert "forbidden topic" in error.body


@pytest.mark.parametrize("query", ["?optional=yes", "?retry=3&wait=0.1"])
def test_options_that_hide_a_failure_or_repeat_it_have_no_effect(
    server: NtfyFake, query: str
) -> None:
    server.answers.extend([(500, {}), (500, {})])
    assert not failure(server.url + query).permanent
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "not an address",
        "nosuchservice://x/y",
        "discord://onlyone",
        "json://[half-an-address/x",
        "json://secret-\u2100-token/x",
    ],
)
def test_an_address_that_apprise_does_not_know_is_told(url: str) -> None:
    error = failure(url)
    assert (error.permanent, error.disables) == (True, True)
    assert "'url'" in error.message


@pytest.mark.parametrize(
    "url",
    [
        "syslog://",
        "dbus://",
        "macosx://",
        "windows://",
        "discord://123456789/abcdefghijklm?template=/etc/passwd",
        "discord://123456789/abcdefghijklm?format=text;template=/etc/passwd",
        "discord://123456789/abcdefghijklm#x?Template=/etc/passwd",
        "fcm://project/token?keyfile=/etc/passwd",
    ],
)
def test_addresses_that_touch_this_machine_are_refused(url: str) -> None:
    error = failure(url)
    assert (error.permanent, error.disables) == (True, True)
    assert "this machine" in error.message


def test_what_is_refused_before_anything_goes_out_is_told_in_apprises_words() -> None:
    assert "There are no ntfy topics to notify" in failure("ntfy://").message


def test_a_private_address_needs_permission(server: NtfyFake) -> None:
    error = failure(server.url, allow_private=False)
    assert error.permanent
    assert not server.received


def test_the_channels_proxy_carries_it(server: NtfyFake) -> None:
    port = int(server.base.rpartition(":")[2])
    with ProxyFake() as proxy:
        proxy.hosts["push.test"] = "127.0.0.1"
        way = ProxyAddress("socks5", "127.0.0.1", proxy.port)
        deliver(f"ntfy://push.test:{port}/topic", way)
        assert proxy.targets == [f"push.test:{port}"]
    assert len(server.messages) == 1


def test_a_service_that_no_proxy_can_carry_is_refused() -> None:
    way = ProxyAddress("socks5", "127.0.0.1", 9)
    error = failure("rsyslog://127.0.0.1:9/", way)
    assert error.permanent
    assert "proxy" in error.message


def test_a_service_that_hangs_is_given_up_and_cannot_send_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(AppriseTransport, "deadline", 0.3)
    with RawServer("silent") as silent:
        error = failure(f"json://127.0.0.1:{silent.port}/")
    assert error.unknown
    assert not error.permanent
    over = apprise_bridge.Talk(None, over=True)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="over"):
        over.request("GET", "http://127.0.0.1/")


def test_without_a_delivery_at_hand_nothing_goes_out() -> None:
    with pytest.raises(OSError, match="No delivery"):
        apprise_bridge.REQUESTS.get("http://127.0.0.1:9/")
    for name in ("put", "patch", "delete", "head", "post"):
        with pytest.raises(OSError, match="No delivery"):
            getattr(apprise_bridge.REQUESTS, name)("http://127.0.0.1:9/")
    assert apprise_bridge.REQUESTS.codes.ok == 200


def test_a_message_without_a_body_is_its_title(server: NtfyFake) -> None:
    AppriseTransport().deliver(
        {"allow_private": True}, {"url": server.url}, replace(MESSAGE, body="")
    )
    assert server.messages[0]["message"] == MESSAGE.title


@pytest.mark.parametrize("between", [", ", " ", ";"])
def test_a_second_address_does_not_come_in_with_the_first(
    server: NtfyFake, between: str
) -> None:
    error = failure(f"{server.url}{between}syslog://")
    assert (error.permanent, error.disables) == (True, True)
    assert "more than one address" in error.message
    assert not server.received


@pytest.mark.parametrize(
    "url",
    [
        "mailto://user:word@example.org?smtp=127.0.0.1",
        "rsyslog://127.0.0.1/",
        "ircs://127.0.0.1/room",
    ],
)
def test_a_service_whose_way_nobody_watches_needs_permission(url: str) -> None:
    error = failure(url, allow_private=False)
    assert (error.permanent, error.disables) == (True, True)
    assert "'allow_private'" in error.message

"""The channel's proxy: every kind, for every protocol, never around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btc_watcher.lib.encryption import key_ring
from btc_watcher.lib.errors import TransportError
from notifications.transports import TRANSPORTS
from proxies.models import Proxy
from proxies.selectors import proxy_identity
from tests.notifications.fakes import ProxyFake, TelegramFake
from tests.notifications.providers import MESSAGE, TELEGRAM_TOKEN, channel_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.notifications.fakes import SmtpFake

pytestmark = pytest.mark.django_db


@pytest.fixture
def between() -> Iterator[ProxyFake]:
    with ProxyFake() as fake:
        fake.hosts["bot.localhost"] = "127.0.0.1"
        yield fake


def stored(between: ProxyFake, kind: str, password: str = "") -> Proxy:
    row = Proxy.objects.create(
        name="way out", type=kind, host="127.0.0.1", port=between.port
    )
    if password:
        row.username = "user"
        row.password_encrypted = key_ring().encrypt(password, proxy_identity(row.id))
        row.save()
    return row


def telegram_values(telegram: TelegramFake, **changes: Any) -> dict[str, Any]:
    values = {"token": TELEGRAM_TOKEN, "chat_id": 5, "api_base": telegram.base}
    return values | changes


@pytest.mark.parametrize("kind", ["http", "socks4", "socks5"])
def test_a_request_goes_through_the_channels_proxy(
    between: ProxyFake, telegram: TelegramFake, kind: str
) -> None:
    channel = channel_of(
        "telegram", telegram_values(telegram, proxy=stored(between, kind).id)
    )
    TRANSPORTS["telegram"].send(channel, MESSAGE)
    assert between.kinds == [kind]
    assert len(telegram.messages) == 1


@pytest.mark.parametrize("kind", ["http", "socks4", "socks5"])
def test_a_mail_goes_through_the_channels_proxy(
    between: ProxyFake, smtp: SmtpFake, email_config: dict[str, Any], kind: str
) -> None:
    # The name is one that only the proxy knows.
    between.hosts["mail.test"] = "127.0.0.1"
    config = email_config | {"host": "mail.test", "proxy": stored(between, kind).id}
    TRANSPORTS["email"].send(channel_of("email", config), MESSAGE)
    assert between.kinds == [kind]
    assert between.targets == [f"mail.test:{smtp.port}"]
    assert len(smtp.received) == 1


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_the_proxys_password_is_used_and_never_told(
    between: ProxyFake, telegram: TelegramFake, kind: str
) -> None:
    between.password = "proxy-password"
    row = stored(between, kind, between.password)
    channel = channel_of("telegram", telegram_values(telegram, proxy=str(row.id)))
    assert TRANSPORTS["telegram"].send(channel, MESSAGE).code == 200
    between.password = "changed-meanwhile"
    with pytest.raises(TransportError) as caught:
        TRANSPORTS["telegram"].send(channel, MESSAGE)
    assert "proxy-password" not in f"{caught.value.message} {caught.value.facts}"
    assert len(telegram.messages) == 1


def test_a_proxy_that_is_away_is_no_reason_to_go_direct(
    between: ProxyFake, telegram: TelegramFake, dead_port: int
) -> None:
    row = stored(between, "socks5")
    row.port = dead_port
    row.save()
    channel = channel_of("telegram", telegram_values(telegram, proxy=row.id))
    with pytest.raises(TransportError) as caught:
        TRANSPORTS["telegram"].send(channel, MESSAGE)
    assert (caught.value.permanent, caught.value.unknown) == (False, False)
    assert not telegram.received


@pytest.mark.parametrize("number", [987654, "x", True])
def test_a_proxy_that_is_gone_is_told(telegram: TelegramFake, number: object) -> None:
    channel = channel_of("telegram", telegram_values(telegram, proxy=number))
    with pytest.raises(TransportError, match="does not exist") as caught:
        TRANSPORTS["telegram"].send(channel, MESSAGE)
    assert caught.value.permanent
    assert not telegram.received


def test_a_proxy_that_is_switched_off_is_waited_for(
    between: ProxyFake, telegram: TelegramFake
) -> None:
    row = stored(between, "http")
    Proxy.objects.update(enabled=False)
    channel = channel_of("telegram", telegram_values(telegram, proxy=row.id))
    with pytest.raises(TransportError, match="switched off") as caught:
        TRANSPORTS["telegram"].send(channel, MESSAGE)
    assert not caught.value.permanent
    assert not between.targets


def test_a_password_of_another_proxy_is_worth_nothing(
    between: ProxyFake, telegram: TelegramFake
) -> None:
    first = stored(between, "http", "secret")
    other = stored(between, "http")
    other.password_encrypted = first.password_encrypted
    other.save()
    channel = channel_of("telegram", telegram_values(telegram, proxy=other.id))
    with pytest.raises(TransportError, match="another row") as caught:
        TRANSPORTS["telegram"].send(channel, MESSAGE)
    assert (caught.value.permanent, caught.value.disables) == (True, False)

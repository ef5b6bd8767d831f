"""What a channel does while its proxy is not well: as its policy says, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btc_watcher.lib.errors import ConfigurationError
from notifications.forms import ChannelPage, Choices
from notifications.models import Notification
from notifications.selectors import proxy_uses
from notifications.services import (
    channel_create,
    channel_update,
    notification_deliver,
)
from proxies.models import Proxy
from proxies.services import proxy_create, proxy_delete
from proxies.uses import ProxyUse
from tests.notifications.conftest import TOKEN
from tests.notifications.factories import AT_ONCE, NO_LIMITS, notification
from tests.notifications.fakes import ProxyFake
from tests.notifications.pages import plain, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client
    from pytest_django import DjangoCaptureOnCommitCallbacks
    from pytest_django.fixtures import Settings

    from notifications.models import NotificationChannel
    from tests.notifications.fakes import TelegramFake

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _users(settings: Settings) -> None:
    settings.PROXY_USERS = ["notifications.selectors.proxy_uses"]


@pytest.fixture
def own() -> Iterator[ProxyFake]:
    """The proxy that the channel names."""
    with ProxyFake() as fake:
        yield fake


@pytest.fixture
def other() -> Iterator[ProxyFake]:
    """Another one."""
    with ProxyFake() as fake:
        yield fake


def row(fake: ProxyFake, name: str, status: str = "healthy") -> Proxy:
    proxy = proxy_create(name=name, type="socks5", host="127.0.0.1", port=fake.port)
    Proxy.objects.filter(pk=proxy.pk).update(status=status)
    return proxy


def channel_through(
    telegram: TelegramFake, proxy: Proxy, policy: str | None = None
) -> NotificationChannel:
    config = {"token": TOKEN, "chat_id": 5, "api_base": telegram.base}
    config |= AT_ONCE | {"proxy": proxy.pk}
    if policy:
        config["proxy_policy"] = policy
    return channel_create(
        name="bot", type="telegram", config=config, rate_limit_config=NO_LIMITS
    )


def delivered(channel: NotificationChannel) -> tuple[Notification, dict[str, Any]]:
    """Deliver one notification; return its row and the way of its only attempt."""
    sent = notification(channel)
    notification_deliver(notification_id=sent.id)
    stored = Notification.objects.get(id=sent.id)
    (attempt,) = stored.metadata["attempts"]
    return stored, attempt.get("way", {})


def test_the_history_tells_through_which_proxy_a_message_went(
    telegram: TelegramFake, own: ProxyFake
) -> None:
    proxy = row(own, "Tokyo")
    stored, way = delivered(channel_through(telegram, proxy))
    assert stored.status == "sent"
    assert way == {"why": "wanted", "proxy": proxy.pk, "name": "Tokyo"}
    assert len(own.targets) == 1


def test_a_channel_without_a_proxy_has_no_way_to_tell(
    telegram_channel: NotificationChannel,
) -> None:
    stored, way = delivered(telegram_channel)
    assert (stored.status, way) == ("sent", {})


def test_another_healthy_proxy_takes_its_place(
    telegram: TelegramFake, own: ProxyFake, other: ProxyFake
) -> None:
    sick, well = row(own, "Tokyo", "unhealthy"), row(other, "Osaka")
    stored, way = delivered(channel_through(telegram, sick))
    assert stored.status == "sent"
    assert way == {
        "why": "another",
        "proxy": well.pk,
        "name": "Osaka",
        "wanted": sick.pk,
        "state": "unhealthy",
    }
    assert (len(own.targets), len(other.targets)) == (0, 1)


def test_without_a_healthy_one_it_stays_with_its_own(
    telegram: TelegramFake, own: ProxyFake, other: ProxyFake
) -> None:
    sick = row(own, "Tokyo", "unhealthy")
    row(other, "Osaka", "unknown")
    stored, way = delivered(channel_through(telegram, sick, "another"))
    assert (stored.status, way["why"]) == ("sent", "kept")
    assert (len(own.targets), len(other.targets)) == (1, 0)


def test_it_goes_directly_where_the_policy_says_so_and_tells(
    telegram: TelegramFake, own: ProxyFake
) -> None:
    sick = row(own, "Tokyo", "unhealthy")
    stored, way = delivered(channel_through(telegram, sick, "direct"))
    assert stored.status == "sent"
    assert way == {"why": "direct", "wanted": sick.pk, "state": "unhealthy"}
    assert not own.targets
    assert len(telegram.messages) == 1


@pytest.mark.parametrize("change", [{"status": "unhealthy"}, {"enabled": False}])
def test_it_sends_nothing_where_the_policy_forbids_any_other_way(
    change: dict[str, Any], telegram: TelegramFake, own: ProxyFake, other: ProxyFake
) -> None:
    proxy = row(own, "Tokyo")
    row(other, "Osaka")
    channel = channel_through(telegram, proxy, "never")
    Proxy.objects.filter(pk=proxy.pk).update(**change)
    stored, _way = delivered(channel)
    assert stored.status == "retry"
    assert "may go no other way" in (stored.error_message or "")
    assert not telegram.received
    assert not own.targets
    # When it is well again the message goes out.
    Proxy.objects.update(status="healthy", enabled=True)
    metadata = {k: v for k, v in stored.metadata.items() if k != "next_attempt_at"}
    Notification.objects.filter(id=stored.id).update(metadata=metadata)
    notification_deliver(notification_id=stored.id)
    stored.refresh_from_db()
    assert stored.status == "sent"
    assert stored.metadata["attempts"][-1]["way"]["why"] == "wanted"


def test_a_message_that_fails_through_a_proxy_has_it_tested(
    telegram: TelegramFake,
    own: ProxyFake,
    dead_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, str]] = []
    monkeypatch.setattr(
        "notifications.services.delivery.proxy_test_soon",
        lambda number, why: asked.append((number, why)),
    )
    proxy = row(own, "Tokyo")
    channel = channel_through(telegram, proxy)
    delivered(channel)
    assert asked == []
    telegram.answers.append((429, {"ok": False, "description": "slow down"}))
    delivered(channel)
    # The provider has answered, so the proxy works.
    assert asked == []
    Proxy.objects.filter(pk=proxy.pk).update(port=dead_port)
    stored, way = delivered(channel)
    assert (stored.status, way["why"]) == ("retry", "wanted")
    assert asked == [(proxy.pk, "retry")]


def test_a_proxy_is_tested_when_a_channel_gets_it(
    telegram: TelegramFake,
    own: ProxyFake,
    other: ProxyFake,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    asked: list[tuple[int, str]] = []
    monkeypatch.setattr(
        "notifications.services.channels.proxy_test_soon",
        lambda number, why: asked.append((number, why)),
    )
    first, second = row(own, "Tokyo"), row(other, "Osaka")
    channel = channel_through(telegram, first)
    channel_update(channel, name="other name")
    channel_update(channel, config=channel.config | {"token": TOKEN})
    channel_update(channel, config={"token": TOKEN, "chat_id": 5, "proxy": second.pk})
    channel_update(channel, config={"token": TOKEN, "chat_id": 5})
    assert asked == [(first.pk, "assigned"), (second.pk, "assigned")]


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"proxy": 987654}, "'proxy' is 987654, which is not the number of a proxy"),
        ({"proxy": "x"}, "goes through proxy 'x', which does not exist"),
        (
            {"proxy_policy": "perhaps"},
            "'proxy_policy' is 'perhaps'; use one of another",
        ),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_entered(
    config: dict[str, Any], told: str, telegram_channel: NotificationChannel
) -> None:
    whole = {"token": TOKEN, "chat_id": 5} | config
    with pytest.raises(ConfigurationError) as caught:
        channel_update(telegram_channel, config=whole)
    assert told in caught.value.message


def test_who_uses_a_proxy_is_told_and_keeps_it(
    telegram: TelegramFake, own: ProxyFake, other: ProxyFake
) -> None:
    sick, well = row(own, "Tokyo", "unhealthy"), row(other, "Osaka")
    channel = channel_through(telegram, sick)
    url = f"/notifications/channels/{channel.pk}/"
    named = ProxyUse(sick.pk, "channel", channel.pk, "bot", url)
    guest = ProxyUse(well.pk, "channel", channel.pk, "bot", url, via=True)
    assert proxy_uses([sick.pk, well.pk]) == [named, guest]
    assert proxy_uses([well.pk]) == [guest]
    assert proxy_uses([]) == []
    with pytest.raises(ConfigurationError, match="'Tokyo' is used by 'bot'"):
        proxy_delete(sick)
    proxy_delete(well)
    assert proxy_uses([sick.pk, well.pk]) == [named]


def test_the_policy_is_chosen_beside_the_proxy_and_shown_with_each_attempt(
    browser: Client, telegram: TelegramFake, own: ProxyFake, other: ProxyFake
) -> None:
    sick = row(own, "Tokyo", "unhealthy")
    row(other, "Osaka")
    channel = channel_through(telegram, sick)
    address = f"/notifications/channels/{channel.pk}/"
    assert "take another healthy proxy" in shown(browser, address)
    page = ChannelPage(channel, Choices.read())
    assert page.way["proxy_policy"].value() == "another"
    stored, _way = delivered(channel)
    text = plain(shown(browser, f"/notifications/{stored.id}/"))
    assert f"Through proxy Osaka, because proxy {sick.pk} is not healthy." in text


@pytest.mark.parametrize(
    ("proxied", "chosen", "stored"),
    [
        (True, "another", None),
        (True, "direct", "direct"),
        (True, "never", "never"),
        (True, "", None),
        (False, "never", None),
    ],
)
def test_only_a_policy_that_differs_is_stored(
    proxied: bool,
    chosen: str,
    stored: str | None,
    telegram_channel: NotificationChannel,
    own: ProxyFake,
) -> None:
    proxy = row(own, "Tokyo")
    page = ChannelPage(telegram_channel, Choices.read())
    way = type(page.way)(
        {"proxy": str(proxy.pk) if proxied else "", "proxy_policy": chosen},  # type: ignore[arg-type]  # a QueryDict in the product
        channel=telegram_channel,
        choices=Choices.read(),
    )
    assert way.is_valid(), way.errors
    assert way.written().get("proxy_policy") == stored

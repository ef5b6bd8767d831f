"""A secret that is stored goes where it was meant to go, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from btc_watcher.lib.errors import ConfigurationError
from notifications.services import channel_config_shown, channel_create, channel_update
from notifications.transports.base import secrets_read
from tests.notifications.test_pages_channels import LIST, filled

if TYPE_CHECKING:
    from django.test import Client

    from notifications.models import NotificationChannel

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]
MAIL: dict[str, Any] = {
    "host": "smtp.example.org",
    "username": "u",
    "password": "hunter2-and-more",
    "from": "a@example.org",
    "to": ["b@example.org"],
}
HOOK: dict[str, Any] = {
    "url": "https://hooks.example.org/in",
    "authorization": "Bearer abcdef",
}
BOT: dict[str, Any] = {"token": "1:abcdefgh", "chat_id": 5}
PHONE: dict[str, Any] = {
    "provider": "twilio",
    "account_sid": "AC" + "0" * 32,
    "from": "+14155550100",
    "auth_token": "0123456789abcdef",
    "to": ["+14155550101"],
}
WECOM: dict[str, Any] = {
    "mode": "app",
    "corpid": "ww1",
    "agentid": 7,
    "to": ["mei"],
    "secret": "wecom-secret",
}


@pytest.fixture
def mail() -> NotificationChannel:
    return channel_create(name="mail", type="email", config=MAIL)


@pytest.mark.parametrize(
    ("kind", "config", "secret", "elsewhere"),
    [
        ("email", MAIL, "password", {"host": "evil.example.net"}),
        ("email", MAIL, "password", {"port": 2525}),
        # The same server, in the clear.
        ("email", MAIL, "password", {"security": "none", "port": 587}),
        ("webhook", HOOK, "authorization", {"url": "https://evil.example.net/in"}),
        ("telegram", BOT, "token", {"api_base": "https://evil.example.net"}),
        ("sms", PHONE, "auth_token", {"api_base": "https://evil.example.net"}),
        ("wechat", WECOM, "secret", {"api_base": "https://evil.example.net"}),
    ],
)
def test_a_secret_has_to_be_given_again_for_another_place(
    kind: str, config: dict[str, Any], secret: str, elsewhere: dict[str, Any]
) -> None:
    channel = channel_create(name="one", type=kind, config=config)
    moved = channel_config_shown(channel) | elsewhere

    with pytest.raises(
        ConfigurationError, match=f"'{secret}'.* {next(iter(elsewhere))} "
    ):
        channel_update(channel, config=moved)

    channel.refresh_from_db()
    assert secrets_read(channel, (secret,)) == {secret: config[secret]}
    assert not elsewhere.items() <= channel.config.items()
    channel_update(channel, config=moved | {secret: "given-again"})
    assert secrets_read(channel, (secret,)) == {secret: "given-again"}


@pytest.mark.parametrize(
    "same",
    [
        {"host": "SMTP.example.org"},
        {"port": 587},
        {"security": "starttls"},
        {"to": ["c@example.org"]},
        {"timeout": 9},
    ],
)
def test_a_secret_stays_while_the_place_is_the_same(
    mail: NotificationChannel, same: dict[str, Any]
) -> None:
    channel_update(mail, config=channel_config_shown(mail) | same)

    mail.refresh_from_db()
    assert secrets_read(mail, ("password",)) == {"password": MAIL["password"]}


def test_an_address_that_is_given_again_is_no_other_place() -> None:
    channel = channel_create(name="hook", type="webhook", config=HOOK)

    channel_update(channel, config={"url": HOOK["url"], "body": {"a": "{title}"}})

    assert secrets_read(channel, ("authorization",)) == {
        "authorization": HOOK["authorization"]
    }


def test_a_place_changes_freely_when_the_secret_goes(mail: NotificationChannel) -> None:
    config = channel_config_shown(mail) | {"host": "mail.example.net", "password": None}
    config.pop("username")

    channel_update(mail, config=config)

    mail.refresh_from_db()
    assert mail.config["host"] == "mail.example.net"
    assert "password" not in mail.config


def test_the_api_and_the_page_name_the_secret_that_is_asked_for(
    mail: NotificationChannel, client: Client
) -> None:
    admin = User.objects.create_superuser("admin", "secret-word", language="en")
    api = APIClient(headers={"accept-language": "en"})
    api.force_authenticate(admin)
    client.force_login(admin)

    answer = api.patch(
        f"/api/v1/channels/{mail.pk}/",
        {"config": channel_config_shown(mail) | {"host": "evil.example.net"}},
        format="json",
    )
    page = client.post(f"{LIST}{mail.pk}/", filled(mail, t_host="evil.example.net"))

    assert answer.status_code == 400
    assert "'password' has to be given again" in answer.json()["detail"]
    errors = page.context["form"].transport.errors
    assert list(errors) == ["t_password"]
    assert "has to be given again" in errors["t_password"][0]
    mail.refresh_from_db()
    assert mail.config["host"] == MAIL["host"]

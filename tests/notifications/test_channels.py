"""Channels: checked, encrypted, tested."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command

from btc_watcher.lib.encryption import is_token
from btc_watcher.lib.errors import ConfigurationError
from notifications.models import Notification, NotificationChannel
from notifications.services import (
    channel_config_shown,
    channel_create,
    channel_test,
    channel_update,
    channels,
)
from notifications.transports import TRANSPORTS
from notifications.transports.base import secrets_read
from tests.notifications.conftest import TOKEN

if TYPE_CHECKING:
    from tests.notifications.fakes import SmtpFake, TelegramFake

pytestmark = pytest.mark.django_db(transaction=True)


def token_of(channel: NotificationChannel) -> str | None:
    channel.refresh_from_db()
    return secrets_read(channel, ("token",)).get("token")


def test_secrets_are_stored_encrypted_for_their_row(
    telegram_channel: NotificationChannel, telegram: TelegramFake
) -> None:
    stored = telegram_channel.config["token"]
    assert is_token(stored)
    assert TOKEN not in str(telegram_channel.config)
    assert token_of(telegram_channel) == TOKEN
    other = channel_create(
        name="other", type="telegram", config={"token": TOKEN, "chat_id": 2}
    )
    assert other.config["token"] != stored
    # Copied to another row, a token is worth nothing.
    other.config["token"] = stored
    other.save()
    result = channel_test(other)
    assert not result.ok
    assert "belongs to another row" in result.answer
    assert not telegram.requests


def test_a_secret_stays_is_replaced_or_is_removed(
    telegram_channel: NotificationChannel,
) -> None:
    shown = channel_config_shown(telegram_channel)
    assert "token" not in shown
    channel_update(telegram_channel, config=shown | {"silent": True})
    assert token_of(telegram_channel) == TOKEN
    assert telegram_channel.config["silent"] is True
    channel_update(telegram_channel, config=shown | {"token": "99:new"})
    assert token_of(telegram_channel) == "99:new"
    # A secret that looks like one of our tokens is a secret all the same.
    channel_update(telegram_channel, config=shown | {"token": "v1:k1:abc"})
    assert token_of(telegram_channel) == "v1:k1:abc"
    with pytest.raises(ConfigurationError, match="'token'"):
        channel_update(telegram_channel, config=shown | {"token": None})


def test_a_secret_of_another_type_is_encrypted_too() -> None:
    config = {"token": TOKEN, "chat_id": 1, "password": "p4ss-word"}
    channel = channel_create(name="bot", type="telegram", config=config)
    assert "p4ss-word" not in str(channel.config)
    assert channel_config_shown(channel) == {"chat_id": 1}


def test_a_password_can_be_taken_away(email_config: dict[str, Any]) -> None:
    login = {"username": "u", "password": "p4ss"}
    channel = channel_create(name="mail", type="email", config=email_config | login)
    channel_update(channel, config=email_config | {"password": None})
    channel.refresh_from_db()
    assert "password" not in channel.config


def test_fields_change_without_touching_the_configuration(
    email_channel: NotificationChannel,
) -> None:
    before = dict(email_channel.config)
    channel_update(email_channel, name="post", enabled=False, priority=7)
    email_channel.refresh_from_db()
    assert (email_channel.name, email_channel.enabled) == ("post", False)
    assert (email_channel.priority, email_channel.config) == (7, before)


@pytest.mark.parametrize(
    ("type", "changes", "names"),
    [
        ("pigeon", {}, "'pigeon'"),
        ("email", {"host": ""}, "'host'"),
        ("email", {"priorities": ["P0", "P9"]}, "'P9'"),
        ("email", {"priorities": "P0"}, "'priorities'"),
        ("email", {"message_types": ["trade"]}, "'trade'"),
    ],
)
def test_a_wrong_channel_is_not_stored(
    type: str,  # noqa: A002 - the column's name
    changes: dict[str, Any],
    names: str,
    email_config: dict[str, Any],
) -> None:
    with pytest.raises(ConfigurationError, match=names):
        channel_create(name="odd", type=type, config=email_config | changes)
    assert not NotificationChannel.objects.exists()


def test_an_unknown_field_is_refused(email_channel: NotificationChannel) -> None:
    with pytest.raises(ConfigurationError, match="no field status"):
        channel_update(email_channel, status="healthy")


def test_every_transport_is_registered_under_its_own_type() -> None:
    assert {name: each.type for name, each in TRANSPORTS.items()} == {
        name: name
        for name in (
            "telegram",
            "feishu",
            "wechat",
            "email",
            "sms",
            "webhook",
            "apprise",
        )
    }


def test_a_test_goes_the_way_of_every_notification(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    channel_update(email_channel, enabled=False)
    result = channel_test(email_channel)
    assert (result.ok, result.code) == (True, 250)
    assert result.answer == "250 2.0.0 Ok: queued as 1"
    row = Notification.objects.get(id=result.notification_id)
    assert (row.status, row.message_type) == ("sent", "system")
    email_channel.refresh_from_db()
    assert email_channel.status == "healthy"
    assert email_channel.last_test_time is not None
    assert len(smtp.received) == 1


def test_a_test_that_fails_is_not_tried_again(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    smtp.data_answer = "451 4.3.0 later"
    result = channel_test(email_channel)
    assert not result.ok
    assert "451 4.3.0 later" in result.answer
    assert Notification.objects.get(id=result.notification_id).status == "failed"


def test_a_test_that_another_worker_took_is_told(
    email_channel: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(**_values: Any) -> None:
        """Stand for a claim that came too late."""

    monkeypatch.setattr(channels, "notification_deliver", taken)
    with pytest.raises(ConfigurationError, match="taken by another worker"):
        channel_test(email_channel)
    with pytest.raises(CommandError, match="taken by another worker"):
        call_command("send_test_notification", "mail")


def test_the_command_prints_the_answer(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    for name in ("mail", str(email_channel.id)):
        out = io.StringIO()
        call_command("send_test_notification", name, stdout=out)
        assert "was sent through mail: 250 2.0.0 Ok" in out.getvalue()
    smtp.data_answer = "554 5.7.1 spam"
    with pytest.raises(CommandError, match=r"failed: .* answered 554 5\.7\.1 spam"):
        call_command("send_test_notification", "mail")


def test_the_command_prints_json_also_when_it_failed(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    out = io.StringIO()
    call_command("send_test_notification", "mail", "--json", stdout=out)
    told = json.loads(out.getvalue())
    assert (told["ok"], "250 2.0.0 Ok" in told["answer"]) == (True, True)
    smtp.data_answer = "554 5.7.1 spam"
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("send_test_notification", "mail", "--json", stdout=out)
    assert json.loads(out.getvalue())["ok"] is False


def test_the_command_names_the_channels_there_are(
    email_config: dict[str, Any],
) -> None:
    with pytest.raises(CommandError, match="none yet"):
        call_command("send_test_notification", "mail")
    first = channel_create(name="mail", type="email", config=email_config)
    with pytest.raises(CommandError, match=f"{first.id} 'mail'"):
        call_command("send_test_notification", "post")
    channel_create(name="mail", type="email", config=email_config)
    with pytest.raises(CommandError, match="More than one channel"):
        call_command("send_test_notification", "mail")

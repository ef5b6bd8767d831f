"""Forms of channels lose nothing, and who only reads sees no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Permission

from accounts.models import User
from notifications.services import channel_create
from tests.notifications.conftest import TOKEN
from tests.notifications.pages import shown
from tests.notifications.test_pages_channels import filled

if TYPE_CHECKING:
    from django.test import Client

    from notifications.models import NotificationChannel

pytestmark = pytest.mark.django_db

LIST = "/notifications/channels/"


@pytest.fixture
def reader(client: Client) -> Client:
    """A browser of somebody who may look at channels in the admin."""
    user = User.objects.create_user("reader", "x", language="en", timezone="UTC")
    user.is_staff = True
    user.save()
    user.user_permissions.add(
        Permission.objects.get(codename="view_notificationchannel")
    )
    client.force_login(user)
    return client


def test_who_only_reads_the_admin_sees_no_secret_even_encrypted(
    reader: Client, telegram_channel: NotificationChannel
) -> None:
    page = shown(
        reader,
        f"/admin/notifications/notificationchannel/{telegram_channel.id}/change/",
    )
    assert telegram_channel.config["token"][:12] not in page
    assert TOKEN not in page
    assert "chat_id" in page


def test_a_webhooks_list_stays_when_its_form_is_saved(browser: Client) -> None:
    body = [{"text": "{title}"}, "{price}"]
    channel = channel_create(
        name="hook",
        type="webhook",
        config={"url": "https://hook.example/x", "body": body},
    )
    response = browser.post(f"{LIST}{channel.id}/", filled(channel, name="renamed"))
    assert response.status_code == 302
    channel.refresh_from_db()
    assert (channel.name, channel.config["body"]) == ("renamed", body)


def test_variables_that_are_no_object_are_refused_beside_their_field(
    browser: Client,
) -> None:
    channel = channel_create(
        name="sms",
        type="sms",
        config={
            "provider": "aliyun",
            "to": ["13800138000"],
            "access_key_id": "id",
            "access_key_secret": "secret",
            "sign_name": "name",
            "template_code": "SMS_1",
        },
    )
    data = filled(channel, t_variables='["{pair}"]')
    response = browser.post(f"{LIST}{channel.id}/", data)
    assert response.status_code == 400
    assert response.context["form"].transport.errors["t_variables"]


def test_a_rule_that_wants_nothing_is_not_widened_by_a_new_name(
    browser: Client, telegram_channel: NotificationChannel
) -> None:
    telegram_channel.config["rules"] = {"strategies": [], "pairs": ["BTC/USDT"]}
    telegram_channel.save()
    address = f"{LIST}{telegram_channel.id}/"
    browser.post(address, filled(telegram_channel, name="renamed"))
    telegram_channel.refresh_from_db()
    assert telegram_channel.name == "renamed"
    assert telegram_channel.config["rules"] == {"strategies": [], "pairs": ["BTC/USDT"]}


def test_preferences_that_make_no_sense_do_not_break_the_profile(
    browser: Client, admin: User
) -> None:
    admin.preferences = {"quiet_hours": "always"}
    admin.save()
    assert "quiet_from" in shown(browser, "/settings/")

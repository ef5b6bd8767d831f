"""Pages and admin as a browser sees them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from notifications import mailcatcher
from notifications.models import Notification, NotificationChannel
from notifications.services import channel_create, notification_deliver
from notifications.transports.base import secrets_read
from tests.notifications.conftest import TOKEN
from tests.notifications.factories import notification

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client
    from pytest_django.fixtures import Settings

    from tests.notifications.fakes import SmtpFake

pytestmark = pytest.mark.django_db

HISTORY = "/notifications/"
INBOX = "/notifications/inbox/"


@pytest.fixture
def admin() -> User:
    return User.objects.create_superuser("admin", "x", language="en", timezone="UTC")


@pytest.fixture
def browser(client: Client, admin: User) -> Client:
    client.force_login(admin)
    return client


@pytest.fixture
def channel() -> NotificationChannel:
    return NotificationChannel.objects.create(name="post", type="email")


def page(browser: Client, address: str) -> str:
    response = browser.get(address)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("address", [HISTORY, INBOX])
def test_pages_are_for_people_who_are_logged_in(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 302
    assert response["Location"].endswith(f"?next={address}")


def test_the_history_shows_what_happened(
    browser: Client, email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    smtp.greylist.add("a@example.org")
    row = notification(email_channel, priority="P0", title="BUY <ETH>", body="a & b")
    notification_deliver(notification_id=row.id)
    text = page(browser, HISTORY)
    assert "BUY &lt;ETH&gt;" in text
    assert "a &amp; b" in text
    assert 'badge-P0">P0' in text
    assert 'badge-retry">' in text
    assert "mail" in text
    assert "greylisted, try again later" in text
    assert "Next attempt" in text


def test_times_are_in_the_zone_of_the_person(
    browser: Client, admin: User, channel: NotificationChannel
) -> None:
    today = timezone.now().replace(hour=1, minute=2, second=3, microsecond=0)
    moment = today if today < timezone.now() else today - timedelta(days=1)
    notification(channel, now=moment)
    assert f"{moment:%Y-%m-%d} 01:02:03 UTC" in page(browser, HISTORY)
    admin.timezone = "Asia/Shanghai"
    admin.save()
    assert f"{moment:%Y-%m-%d} 09:02:03 CST" in page(browser, HISTORY)


def test_filters_narrow_the_history(
    browser: Client, channel: NotificationChannel
) -> None:
    other = NotificationChannel.objects.create(name="other", type="telegram")
    now = timezone.now()
    notification(channel, priority="P0", title="Alpha")
    done = notification(other, priority="P2", title="Beta")
    Notification.objects.filter(id=done.id).update(status="failed")
    notification(channel, priority="P1", title="Gamma", now=now - timedelta(days=20))
    cases: dict[str, set[str]] = {
        "": {"Alpha", "Beta"},
        "?priority=P0": {"Alpha"},
        "?status=failed": {"Beta"},
        f"?channel={other.id}": {"Beta"},
        f"?channel={other.id}&priority=P0": set(),
        "?days=30": {"Alpha", "Beta", "Gamma"},
        "?days=-1&status=nonsense&channel=x&priority=P7": {"Alpha", "Beta"},
        "?channel=99999999999999999999": {"Alpha", "Beta"},
    }
    for query, titles in cases.items():
        text = page(browser, HISTORY + query)
        found = {title for title in ("Alpha", "Beta", "Gamma") if title in text}
        assert found == titles, query


def test_an_empty_history_says_what_to_do(browser: Client) -> None:
    assert "There is no channel yet." in page(browser, HISTORY)
    NotificationChannel.objects.create(name="post", type="email")
    assert "Choose a longer period" in page(browser, HISTORY)


def test_the_history_reads_a_bounded_number_of_rows(
    browser: Client, channel: NotificationChannel
) -> None:
    for number in range(3):
        notification(channel, title=f"number {number}")
    with CaptureQueriesContext(connection) as queries:
        page(browser, HISTORY)
    (sql,) = [q["sql"] for q in queries if "notification_history" in q["sql"]]
    assert "LIMIT 100" in sql
    assert '"sent_at" >=' in sql


def test_the_inbox_shows_a_mail(
    browser: Client,
    settings: Settings,
    tmp_path: Path,
) -> None:
    settings.BTCW_HOME = tmp_path
    assert "No mail yet." in page(browser, INBOX)
    place = mailcatcher.folder()
    names = [
        mailcatcher.mail_store(
            place, f"Subject: [P1] <b>{number}\r\n\r\nText {number} & more".encode()
        )
        for number in range(2)
    ]
    newest = page(browser, INBOX)
    assert "[P1] &lt;b&gt;1" in newest
    assert "Text 1 &amp; more" in newest
    older = page(browser, f"{INBOX}?mail={names[0]}")
    assert "Text 0 &amp; more" in older
    nothing = page(browser, f"{INBOX}?mail=../../etc/passwd")
    assert "more" not in nothing


def test_there_is_no_inbox_without_the_demonstration(
    browser: Client, settings: Settings
) -> None:
    settings.DEMO = False
    assert browser.get(INBOX).status_code == 404


# -- Admin --------------------------------------------------------------------


def form_data(**changes: Any) -> dict[str, Any]:
    return {
        "name": "bot",
        "type": "telegram",
        "enabled": "on",
        "priority": 1,
        "config": '{"chat_id": 5}',
        "rate_limit_config": "{}",
        "secret_token": TOKEN,
        "secret_password": "",
    } | changes


def test_a_channel_is_made_with_its_secret_encrypted(browser: Client) -> None:
    address = reverse("admin:notifications_notificationchannel_add")
    assert 'name="secret_token"' in page(browser, address)
    response = browser.post(address, form_data())
    assert response.status_code == 302
    channel = NotificationChannel.objects.get()
    assert channel.config["chat_id"] == 5
    assert TOKEN not in str(channel.config)
    assert secrets_read(channel, ("token",)) == {"token": TOKEN}


def test_a_channel_is_changed_without_its_secret_coming_out(browser: Client) -> None:
    channel = channel_create(
        name="bot", type="telegram", config={"token": TOKEN, "chat_id": 1}
    )
    address = reverse(
        "admin:notifications_notificationchannel_change", args=[channel.id]
    )
    text = page(browser, address)
    assert TOKEN not in text
    assert channel.config["token"] not in text
    response = browser.post(address, form_data(name="new", secret_token=""))
    assert response.status_code == 302
    channel.refresh_from_db()
    assert (channel.name, channel.config["chat_id"]) == ("new", 5)
    assert secrets_read(channel, ("token",)) == {"token": TOKEN}
    browser.post(address, form_data(secret_token="77:other"))
    channel.refresh_from_db()
    assert secrets_read(channel, ("token",)) == {"token": "77:other"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"config": "{}"}, "chat_id"),
        ({"config": "[1]"}, "JSON object"),
        ({"config": "{"}, "JSON"),
        ({"secret_token": ""}, "token"),
        ({"type": "sms"}, "sms"),
        ({"config": '{"chat_id": 1, "priorities": ["P5"]}'}, "P5"),
    ],
)
def test_a_wrong_channel_is_told_in_the_form(
    browser: Client, changes: dict[str, Any], told: str
) -> None:
    address = reverse("admin:notifications_notificationchannel_add")
    response = browser.post(address, form_data(**changes))
    assert response.status_code == 200
    errors = str(response.context["errors"])
    assert told in errors
    assert TOKEN not in response.content.decode()
    assert not NotificationChannel.objects.exists()


def test_the_test_action_shows_each_answer(
    browser: Client, email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    broken = NotificationChannel.objects.create(name="broken", type="sms")
    response = browser.post(
        reverse("admin:notifications_notificationchannel_changelist"),
        {"action": "send_test", "_selected_action": [email_channel.id, broken.id]},
        follow=True,
    )
    text = response.content.decode()
    assert "Mail: 250 2.0.0 Ok: queued as 1" in text
    assert "Broken: No transport delivers" in text
    assert len(smtp.received) == 1


def test_a_channel_with_a_history_cannot_be_deleted(
    browser: Client, channel: NotificationChannel
) -> None:
    address = reverse(
        "admin:notifications_notificationchannel_delete", args=[channel.id]
    )
    assert browser.get(address).status_code == 200
    notification(channel)
    assert browser.get(address).status_code == 403


def test_the_history_in_the_admin_is_never_counted(
    browser: Client, channel: NotificationChannel
) -> None:
    for number in range(105):
        notification(channel, title=f"number {number}")
    address = reverse("admin:notifications_notification_changelist")
    with CaptureQueriesContext(connection) as queries:
        first = page(browser, address)
    assert not [q["sql"] for q in queries if "COUNT(" in q["sql"].upper()]
    assert "number 104" in first
    assert "p=2" in first
    assert "number 0" in page(browser, f"{address}?p=2")
    assert browser.get(f"{address}?p=9").status_code in (200, 302)
    assert page(browser, f"{address}?status__exact=sent")


def test_a_row_of_the_history_opens_and_cannot_be_changed(
    browser: Client, channel: NotificationChannel
) -> None:
    row = notification(channel, now=datetime(2026, 1, 1, tzinfo=UTC))
    address = reverse("admin:notifications_notification_change", args=[row.id])
    assert "BUY BTC/USDT" in page(browser, address)
    assert browser.post(address, {"status": "sent"}).status_code == 403
    assert browser.get(f"{address}../delete/").status_code == 403
    assert (
        browser.get(reverse("admin:notifications_notification_add")).status_code == 403
    )

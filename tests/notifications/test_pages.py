"""Pages and admin as a browser sees them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from notifications import mailcatcher
from notifications.models import Notification, NotificationChannel
from notifications.services import channel_create, notification_deliver
from notifications.transports.base import secrets_read
from tests.notifications.conftest import TOKEN
from tests.notifications.factories import notification
from tests.notifications.pages import plain, queries, shown

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client
    from pytest_django.fixtures import Settings

    from accounts.models import User
    from tests.notifications.fakes import SmtpFake

pytestmark = pytest.mark.django_db

HISTORY = "/notifications/"
INBOX = "/notifications/inbox/"


@pytest.fixture
def channel() -> NotificationChannel:
    return NotificationChannel.objects.create(name="post", type="email")


LOGIN_WANTED = [
    HISTORY,
    INBOX,
    "/notifications/7/",
    "/notifications/preview/",
    "/notifications/channels/",
    "/notifications/channels/7/",
    "/notifications/channels/new/",
    "/notifications/silences/",
    "/notifications/alerts/",
]


@pytest.mark.parametrize("address", LOGIN_WANTED)
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
    text = shown(browser, HISTORY)
    assert "BUY &lt;ETH&gt;" in text
    assert "a &amp; b" in text
    assert 'badge-P0">P0' in text
    assert 'badge-retry">' in text
    assert "mail" in text
    assert "greylisted, try again later" in text
    assert "next try" in text


def test_times_are_in_the_zone_of_the_person(
    browser: Client, admin: User, channel: NotificationChannel
) -> None:
    today = timezone.now().replace(hour=1, minute=2, second=3, microsecond=0)
    moment = today if today < timezone.now() else today - timedelta(days=1)
    notification(channel, now=moment)
    assert f"{moment:%Y-%m-%d} 01:02:03 UTC" in shown(browser, HISTORY)
    admin.timezone = "Asia/Shanghai"
    admin.save()
    assert f"{moment:%Y-%m-%d} 09:02:03 CST" in shown(browser, HISTORY)


def test_filters_narrow_the_history(
    browser: Client, channel: NotificationChannel
) -> None:
    other = NotificationChannel.objects.create(name="other", type="telegram")
    now = timezone.now()
    context = {"strategy": "EMA cross"}
    notification(channel, priority="P0", title="Alpha", context=context)
    done = notification(other, priority="P2", title="Beta")
    Notification.objects.filter(id=done.id).update(status="failed")
    notification(channel, priority="P1", title="Gamma", now=now - timedelta(days=20))
    cases: dict[str, set[str]] = {
        "": {"Alpha", "Beta"},
        "?priority=P0": {"Alpha"},
        "?state=failed": {"Beta"},
        "?state=waiting": {"Alpha"},
        "?type=signal&q=alph": {"Alpha"},
        "?q=alpha+price": {"Alpha"},
        "?q=alpha+beta": set(),
        "?q=ema": {"Alpha"},
        f"?q=%23{done.id}": {"Beta"},
        "?type=alert": set(),
        "?status=failed": {"Beta"},
        f"?channel={other.id}": {"Beta"},
        f"?channel={other.id}&priority=P0": set(),
        "?days=30": {"Alpha", "Beta", "Gamma"},
        "?days=-1&status=nonsense&channel=x&priority=P7": {"Alpha", "Beta"},
        "?channel=99999999999999999999": {"Alpha", "Beta"},
    }
    for query, titles in cases.items():
        text = shown(browser, HISTORY + query)
        found = {title for title in ("Alpha", "Beta", "Gamma") if title in text}
        assert found == titles, query


def test_an_empty_history_says_what_to_do(browser: Client) -> None:
    assert "There is no channel yet." in shown(browser, HISTORY)
    NotificationChannel.objects.create(name="post", type="email")
    assert "Choose a longer period" in shown(browser, HISTORY)


def test_the_history_reads_a_bounded_number_of_rows(
    browser: Client, channel: NotificationChannel
) -> None:
    for number in range(3):
        notification(channel, title=f"number {number}")
    with CaptureQueriesContext(connection) as queries:
        shown(browser, HISTORY)
    (sql,) = [q["sql"] for q in queries if "notification_history" in q["sql"]]
    assert "LIMIT 51" in sql
    assert '"sent_at" >=' in sql
    assert "COUNT(" not in sql.upper()


def test_older_rows_are_on_further_pages_each_once(
    browser: Client, channel: NotificationChannel
) -> None:
    now = timezone.now() - timedelta(hours=1)
    # Rows of one moment are told apart by their number.
    for number in range(120):
        notification(
            channel, title=f"<{number}>", now=now - timedelta(seconds=number // 7)
        )
    seen: list[str] = []
    address = HISTORY + "?priority=P1"
    while address:
        text = shown(browser, address)
        seen += re.findall(r"&lt;(\d+)&gt;", text)
        found = re.search(r'rel="next" href="([^"]+)"', text)
        address = HISTORY + unescape(found[1]) if found else ""
        assert not address or "priority=P1" in address
    assert sorted(map(int, seen)) == list(range(120))
    assert "&lt;0&gt;" in shown(browser, HISTORY + "?after=nonsense")


def test_an_earlier_week_is_looked_at_by_its_last_day(
    browser: Client, channel: NotificationChannel
) -> None:
    moment = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
    notification(channel, title="In March", now=moment)
    assert "In March" in shown(browser, HISTORY + "?until=2026-03-10&days=1")
    assert "In March" not in shown(browser, HISTORY + "?until=2026-03-09")
    assert "In March" not in shown(browser, HISTORY + "?until=0000-99-99")


def test_every_state_is_said_in_words(
    browser: Client, channel: NotificationChannel
) -> None:
    later = (timezone.now() + timedelta(hours=2)).isoformat()
    cases: list[tuple[dict[str, Any], str, str]] = [
        (
            {"held": {"until": later, "why": "quiet_hours"}, "next_attempt_at": later},
            "pending",
            "Kept until the quiet hours end.",
        ),
        ({"collapsed_into": 77}, "pending", "Told in digest"),
        ({"collapsed_into": 78}, "sent", "#78"),
        (
            {"suppressed": {"because": "silence", "by": "5"}},
            "failed",
            "silence 5 covers it",
        ),
        (
            {"suppressed": {"because": "inhibited", "by": "proxy:3"}},
            "failed",
            "it follows from the open alert proxy:3",
        ),
        ({"fallback_of": 79}, "pending", "Takes the place of"),
        ({"digest_of": [1, 2, 3]}, "sent", "tells of 3 notifications"),
        ({"unknown_outcome": True}, "sent", "perhaps twice"),
        ({"test": True}, "sent", "test"),
    ]
    for metadata, status, told in cases:
        row = notification(channel, title="one")
        Notification.objects.update(status=status, metadata=row.metadata | metadata)
        assert told in plain(shown(browser, HISTORY)), metadata
        assert told in plain(shown(browser, f"{HISTORY}{row.id}/")), metadata
        Notification.objects.all().delete()


@pytest.mark.parametrize(
    ("state", "metadata", "status"),
    [
        (
            "held",
            {"held": {"until": "2026-01-01T00:00:00Z", "why": "budget"}},
            "pending",
        ),
        ("suppressed", {"suppressed": {"because": "silence", "by": "1"}}, "failed"),
        ("collapsed", {"collapsed_into": 3}, "sent"),
        ("retry", {}, "retry"),
        ("failed", {}, "failed"),
        ("unknown", {"unknown_outcome": True}, "failed"),
    ],
)
def test_each_state_is_found(
    browser: Client,
    channel: NotificationChannel,
    state: str,
    metadata: dict[str, Any],
    status: str,
) -> None:
    plain_row = notification(channel, title="Other")
    Notification.objects.filter(id=plain_row.id).update(status="sent")
    row = notification(channel, title="Wanted")
    Notification.objects.filter(id=row.id).update(
        status=status, metadata=row.metadata | metadata
    )
    text = shown(browser, f"{HISTORY}?state={state}")
    assert "Wanted" in text
    assert "Other" not in text


def test_a_search_that_takes_too_long_says_what_to_do(
    browser: Client, channel: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        notification(channel, title=f"number {number}", body="x" * 5_000)
    monkeypatch.setattr("notifications.history.SEARCH_TIMEOUT", "1ms")
    text = shown(browser, f"{HISTORY}?q=nothing+says+this")
    assert "The search took too long." in text
    assert "number 299" in shown(browser, HISTORY)


def test_a_notification_opens_with_its_attempts_and_the_answers(
    browser: Client, telegram_channel: NotificationChannel
) -> None:
    row = notification(telegram_channel, priority="P0", context={"pair": "<BTC>/USDT"})
    notification_deliver(notification_id=row.id)
    text = shown(browser, f"{HISTORY}{row.id}/")
    assert "accepted" in text
    assert "message_id" in text
    assert "&lt;BTC&gt;/USDT" in text
    assert TOKEN not in text
    assert shown(browser, f"{HISTORY}{row.id + 1}/", 404)


def test_a_digest_lists_its_members_and_they_link_back(
    browser: Client, channel: NotificationChannel
) -> None:
    members = [notification(channel, title=f"member {n}") for n in range(3)]
    digest = notification(channel, title="the digest")
    Notification.objects.filter(id=digest.id).update(
        metadata=digest.metadata | {"digest_of": [each.id for each in members]}
    )
    Notification.objects.filter(id=members[0].id).update(
        metadata=members[0].metadata | {"collapsed_into": digest.id}
    )
    text = shown(browser, f"{HISTORY}{digest.id}/")
    assert all(f"member {n}" in text for n in range(3))
    assert f"{HISTORY}{digest.id}/" in shown(browser, f"{HISTORY}{members[0].id}/")


def test_a_notification_is_sent_again_by_who_may(
    browser: Client, email_channel: NotificationChannel
) -> None:
    row = notification(email_channel)
    assert browser.get(f"{HISTORY}{row.id}/resend/").status_code == 405
    response = browser.post(f"{HISTORY}{row.id}/resend/", follow=True)
    again = Notification.objects.exclude(id=row.id).get()
    assert again.metadata["resend_of"] == row.id
    assert again.metadata["resend_by"] == "admin"
    text = plain(response.content.decode())
    assert f"as notification {again.id}" in text
    assert f"Sent again from #{row.id}" in text
    NotificationChannel.objects.update(enabled=False)
    response = browser.post(f"{HISTORY}{row.id}/resend/", follow=True)
    assert "Switch it on first." in response.content.decode()
    assert browser.post(f"{HISTORY}{again.id + 99}/resend/").status_code == 404


def test_an_onlooker_reads_and_sends_nothing(
    onlooker: Client, email_channel: NotificationChannel
) -> None:
    row = notification(email_channel)
    assert "Send again" not in shown(onlooker, HISTORY)
    assert "Send again" not in shown(onlooker, f"{HISTORY}{row.id}/")
    assert onlooker.post(f"{HISTORY}{row.id}/resend/").status_code == 403
    assert Notification.objects.count() == 1


def test_the_history_makes_as_many_queries_for_many_rows_as_for_one(
    browser: Client, channel: NotificationChannel
) -> None:
    notification(channel)
    few = queries(browser, HISTORY)
    for number in range(40):
        notification(
            NotificationChannel.objects.create(name=f"c{number}", type="email")
        )
    assert queries(browser, HISTORY) == few


def test_the_inbox_shows_a_mail(
    browser: Client,
    settings: Settings,
    tmp_path: Path,
) -> None:
    settings.BTCW_HOME = tmp_path
    assert "No mail yet." in shown(browser, INBOX)
    place = mailcatcher.folder()
    names = [
        mailcatcher.mail_store(
            place, f"Subject: [P1] <b>{number}\r\n\r\nText {number} & more".encode()
        )
        for number in range(2)
    ]
    newest = shown(browser, INBOX)
    assert "[P1] &lt;b&gt;1" in newest
    assert "Text 1 &amp; more" in newest
    older = shown(browser, f"{INBOX}?mail={names[0]}")
    assert "Text 0 &amp; more" in older
    nothing = shown(browser, f"{INBOX}?mail=../../etc/passwd")
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
    assert 'name="secret_token"' in shown(browser, address)
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
    text = shown(browser, address)
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
        ({"type": "pigeon"}, "pigeon"),
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
    assert "1 was refused: broken: Channel &#x27;broken&#x27; cannot send." in text
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
        first = shown(browser, address)
    assert not [q["sql"] for q in queries if "COUNT(" in q["sql"].upper()]
    assert "number 104" in first
    assert "p=2" in first
    assert "number 0" in shown(browser, f"{address}?p=2")
    assert browser.get(f"{address}?p=9").status_code in (200, 302)
    assert shown(browser, f"{address}?status__exact=sent")


def test_a_row_of_the_history_opens_and_cannot_be_changed(
    browser: Client, channel: NotificationChannel
) -> None:
    row = notification(channel, now=datetime(2026, 1, 1, tzinfo=UTC))
    address = reverse("admin:notifications_notification_change", args=[row.id])
    assert "BUY BTC/USDT" in shown(browser, address)
    assert browser.post(address, {"status": "sent"}).status_code == 403
    assert browser.get(f"{address}../delete/").status_code == 403
    assert (
        browser.get(reverse("admin:notifications_notification_add")).status_code == 403
    )

"""The pages of silences and alerts, and their admin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from notifications.forms import Choices, SilenceForm
from notifications.models import Alert, NotificationChannel, NotificationSilence
from notifications.saying import Words
from notifications.services import alert_raise, alert_resolve, silence_create
from strategies.models import Strategy
from tests.notifications.pages import plain, queries, shown

if TYPE_CHECKING:
    from django.test import Client

    from accounts.models import User

pytestmark = pytest.mark.django_db

SILENCES = "/notifications/silences/"
ALERTS = "/notifications/alerts/"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def silence(
    reason: str, start: float, end: float, **matcher: Any
) -> NotificationSilence:
    """Return a silence from ``start`` to ``end`` hours from now."""
    now = timezone.now()
    return silence_create(
        matcher=matcher or {"priorities": ["P2"]},
        reason=reason,
        by="ops",
        starts_at=now + timedelta(hours=start),
        ends_at=now + timedelta(hours=end),
    )


def test_silences_are_listed_by_whether_they_are_on(onlooker: Client) -> None:
    strategy = Strategy.objects.create(name="ema cross")
    channel = NotificationChannel.objects.create(name="mail", type="email")
    silence("On", -1, 1, strategies=[strategy.id], channels=[channel.id])
    silence("Soon", 1, 2, keys=["exchange:*"])
    silence("Over", -3, -2)
    silence("Long over", -24 * 40, -24 * 39)
    text = plain(shown(onlooker, SILENCES))
    places = [
        text.index(each)
        for each in ("Silent now 1", "On", "Coming 1", "Soon", "Ended in", "Over")
    ]
    assert places == sorted(places)
    assert "strategies: ema cross on mail" in text
    assert "alerts: exchange:*" in text
    assert "Long over" not in text
    assert "End now" not in text
    assert "New silence" not in text


def test_a_silence_is_made_and_ended(browser: Client) -> None:
    data = {
        "reason": "Exchange maintenance",
        "ends": "8h",
        "message_types": ["alert"],
        "keys": "exchange:binance",
    }
    text = browser.post(SILENCES, data, follow=True).content.decode()
    assert "Exchange maintenance" in text
    row = NotificationSilence.objects.get()
    assert row.matcher == {"message_types": ["alert"], "keys": ["exchange:binance"]}
    assert row.created_by == "admin"
    assert row.ends_at - row.starts_at == timedelta(hours=8)
    browser.post(f"{SILENCES}{row.id}/end/")
    row.refresh_from_db()
    assert row.ends_at <= timezone.now()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"reason": ""}, "This field is required."),
        ({"ends": "never"}, "never"),
        ({"ends": "at"}, "Enter when it ends."),
        ({"ends": "at", "ends_at": "2020-01-01T10:00"}, "The end has to be after"),
        ({"ends": "at", "ends_at": "2099-01-01T10:00"}, "at most a year"),
        ({"ends": "at", "ends_at": "soon"}, "Enter a valid date/time."),
        ({"priorities": []}, "Nothing is chosen, which means all messages"),
        ({"priorities": ["P0", "P1", "P2"]}, "Nothing is chosen"),
        ({"channels": ["77"]}, "77"),
    ],
)
def test_a_wrong_silence_says_what_is_wrong(
    browser: Client, changes: dict[str, Any], told: str
) -> None:
    data = {"reason": "x", "ends": "1h", "priorities": ["P2"]} | changes
    response = browser.post(SILENCES, data)
    assert response.status_code == 400
    assert told in response.content.decode()
    assert not NotificationSilence.objects.exists()


def test_everything_is_silenced_by_who_says_so_twice(browser: Client) -> None:
    browser.post(SILENCES, {"reason": "x", "ends": "1h", "everything": "on"})
    assert NotificationSilence.objects.get().matcher == {}


@pytest.mark.parametrize(
    ("zone", "ends"),
    [
        ("UTC", datetime(2026, 11, 23, 8, 0, tzinfo=UTC)),
        ("Asia/Shanghai", datetime(2026, 11, 23, 0, 0, tzinfo=UTC)),
        # Already tomorrow there.
        ("Pacific/Auckland", datetime(2026, 11, 23, 19, 0, tzinfo=UTC)),
    ],
)
def test_tomorrow_morning_is_that_of_the_person(zone: str, ends: datetime) -> None:
    with timezone.override(zone):
        form = SilenceForm(
            {"reason": "x", "ends": "morning", "priorities": ["P2"]},
            choices=Choices.for_silences(),
            now=NOW,
        )
        assert form.is_valid(), form.errors
    assert form.cleaned_data["starts_at"] == NOW
    assert form.cleaned_data["ends_at"] == ends


def test_an_onlooker_makes_and_ends_no_silence(onlooker: Client) -> None:
    row = silence("On", -1, 1)
    response = onlooker.post(SILENCES, {"reason": "x", "ends": "1h"})
    assert response.status_code == 403
    assert onlooker.post(f"{SILENCES}{row.id}/end/").status_code == 403
    assert NotificationSilence.objects.get().ends_at > timezone.now()


def test_many_silences_make_no_more_queries(browser: Client) -> None:
    silence("On", -1, 1)
    few = queries(browser, SILENCES)
    for number in range(20):
        silence(f"On {number}", -1, 1)
    assert queries(browser, SILENCES) == few


# -- Alerts -----------------------------------------------------------------------


def alert(key: str, hours: float, priority: str = "P1") -> None:
    """Raise an alert so many hours ago."""
    alert_raise(
        key=key,
        priority=priority,
        words=lambda: Words(f"{key} <is> wrong", "Look at it."),
        context={},
        now=timezone.now() - timedelta(hours=hours),
    )


def test_alerts_say_since_when_whom_and_when_again(onlooker: Client) -> None:
    NotificationChannel.objects.create(
        name="mail",
        type="email",
        config={"speed": {"P1": 0}, "repeat_minutes": 60 * 24},
    )
    alert("exchange:x", 1.5)
    alert("proxy:3", 3, "P0")
    alert("proxy:4", 30)
    alert_resolve(key="proxy:4", now=timezone.now() - timedelta(hours=28))
    text = plain(shown(onlooker, ALERTS))
    assert "proxy:3 <is> wrong" in text
    assert text.index("proxy:3") < text.index("exchange:x") < text.index("proxy:4")
    assert "90 minutes" in text
    assert "1 time mail" in text
    again = timezone.now() + timedelta(hours=22.5)
    assert f"{again:%m-%d %H:}" in text or f"{again:%H:}" in text
    assert "Resolved in the last 7 days 1" in text
    assert "2 hours" in text
    assert "Silence this" not in text


def test_silencing_an_alert_fills_in_the_form(browser: Client) -> None:
    alert("exchange:x", 1)
    text = shown(browser, ALERTS)
    assert f"{SILENCES}?key=exchange%3Ax" in text
    assert "to nobody" in text
    form = shown(browser, f"{SILENCES}?key=exchange%3Ax")
    assert ">\nexchange:x</textarea>" in form
    assert "Nothing is wrong." not in text


def test_no_alert_is_good_news(onlooker: Client) -> None:
    assert "Nothing is wrong." in shown(onlooker, ALERTS)


def test_many_alerts_make_no_more_queries(onlooker: Client) -> None:
    NotificationChannel.objects.create(name="mail", type="email")
    alert("a:0", 1)
    few = queries(onlooker, ALERTS)
    for number in range(1, 20):
        alert(f"a:{number}", 1)
    assert queries(onlooker, ALERTS) == few


# -- Admin --------------------------------------------------------------------------


def test_a_silence_is_edited_in_the_admin(browser: Client, admin: User) -> None:
    address = reverse("admin:notifications_notificationsilence_add")
    data = {
        "reason": "x",
        "matcher": '{"keys": ["a:*"]}',
        "starts_at_0": "2026-01-01",
        "starts_at_1": "10:00",
        "ends_at_0": "2026-01-02",
        "ends_at_1": "10:00",
    }
    for wrong in ({"matcher": '{"pear": [1]}'}, {"ends_at_0": "2025-01-01"}):
        response = browser.post(address, data | wrong)
        assert response.status_code == 200
        assert "errorlist" in response.content.decode()
    assert browser.post(address, data).status_code == 302
    row = NotificationSilence.objects.get()
    assert (row.matcher, row.created_by) == ({"keys": ["a:*"]}, "admin")
    change = reverse("admin:notifications_notificationsilence_change", args=[row.id])
    browser.post(change, data | {"reason": "y"})
    row.refresh_from_db()
    assert row.reason == "y"
    assert (
        browser.get(
            reverse("admin:notifications_notificationsilence_changelist")
        ).status_code
        == 200
    )


def test_alerts_are_only_read_in_the_admin(browser: Client) -> None:
    alert("exchange:x", 1)
    row = Alert.objects.get()
    address = reverse("admin:notifications_alert_changelist")
    with CaptureQueriesContext(connection) as made:
        assert "exchange:x" in shown(browser, address)
    assert not [q for q in made if "COUNT(" in q["sql"].upper()]
    change = reverse("admin:notifications_alert_change", args=[row.id])
    assert browser.get(change).status_code == 200
    assert browser.post(change, {"title": "z"}).status_code == 403

"""Who gets what: yes or no for every channel, with the reason."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from notifications.models import NotificationChannel
from notifications.services import silence_create
from strategies.models import Strategy
from tests.notifications.factories import notification
from tests.notifications.pages import plain, queries, shown, signal

if TYPE_CHECKING:
    from typing import Any

    from django.test import Client

pytestmark = pytest.mark.django_db

PAGE = "/notifications/preview/"
# Not drawn at random: workers of one run must collect the same tests.
NOBODYS = uuid.UUID(int=1)


def channel(name: str, **config: Any) -> NotificationChannel:
    return NotificationChannel.objects.create(name=name, type="email", config=config)


def reasons(browser: Client, query: str = "") -> str:
    return plain(shown(browser, PAGE + query))


def test_each_channel_has_a_verdict_and_its_reason(onlooker: Client) -> None:
    fast, slow = (Strategy.objects.create(name=name) for name in ("fast", "slow"))
    channel("all", speed={"P1": 0, "P2": 0})
    channel("gathers")
    channel("only slow", rules={"strategies": [slow.id]})
    channel("only sells", rules={"types": ["SELL"]})
    channel("only urgent", priorities=["P0"])
    NotificationChannel.objects.create(name="off", type="email", enabled=False)
    signal(strategy_id=fast.id, strategy_name="fast", strength=60)
    text = reasons(onlooker)
    assert "all email yes, at once The channel takes everything." in text
    assert "gathers email yes, later" in text
    assert "Gathered with what comes in the same minute." in text
    assert "only slow email no The channel does not take this strategy, only slow." in (
        text
    )
    assert "only sells email no The channel does not take the signal type buy" in text
    assert "only urgent email no The channel does not take the priority P1" in text
    assert "off email no The channel is switched off." in text


def test_what_has_happened_stands_beside_what_would(onlooker: Client) -> None:
    channel("gathers")
    identifier = signal(strength=60)
    text = reasons(onlooker, f"?signal={identifier}")
    assert "held" in text
    channel("made later", speed={"P1": 0})
    assert "nothing was written for it" in reasons(onlooker, f"?signal={identifier}")


def test_a_silence_is_named_by_its_reason(onlooker: Client) -> None:
    channel("mail", speed={"P1": 0})
    signal(strength=60, pair="ETH/USDT")
    now = timezone.now()
    silence_create(
        matcher={"pairs": ["ETH/*"]},
        reason="Merge of ETH",
        by="admin",
        starts_at=now - timedelta(minutes=1),
        ends_at=now + timedelta(hours=1),
    )
    assert "silence “Merge of ETH” covers it" in reasons(onlooker)


def test_a_signal_that_is_told_to_nobody_says_so(onlooker: Client) -> None:
    channel("mail")
    identifier = signal(strength=5)
    text = reasons(onlooker, f"?signal={identifier}")
    assert "No channel is told of this signal" in text
    assert "mail email no not sent: below the weak threshold" in text


def test_an_alert_of_the_history_is_explained_too(onlooker: Client) -> None:
    mail = channel("mail", message_types=["alert"])
    channel("signals", message_types=["signal"])
    row = notification(
        mail, message_type="alert", title="Proxy is dead", context={"alert": "proxy:3"}
    )
    text = reasons(onlooker, f"?notification={row.id}")
    assert "Proxy is dead" in text
    assert "signals email no The channel does not take messages of the type alert" in (
        text
    )


@pytest.mark.parametrize(
    "query", ["?signal=x", f"?signal={NOBODYS}", "?notification=99999"]
)
def test_what_is_not_there_is_said(onlooker: Client, query: str) -> None:
    signal()
    assert "There is no such signal or notification." in reasons(onlooker, query)


def test_an_empty_system_says_what_is_missing(onlooker: Client) -> None:
    assert "There is no signal yet." in reasons(onlooker)
    signal()
    assert "There is no channel yet." in reasons(onlooker)


def test_many_channels_make_no_more_queries(onlooker: Client) -> None:
    channel("first")
    signal()
    few = queries(onlooker, PAGE)
    for number in range(20):
        channel(f"c{number}")
    assert queries(onlooker, PAGE) == few

"""The page of one signal: its candles, its streak, its version, who was told and why."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from django.utils import timezone
from django.utils.html import escape

from accounts.roles import Role
from notifications.models import Notification, NotificationChannel
from signals_app.models import Signal
from strategies.models import Strategy, StrategyVersion
from tests.signals_app.outcome_rows import stored
from tests.test_access import a_person

if TYPE_CHECKING:
    from uuid import UUID

    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


@pytest.fixture
def browser(client: Client) -> Client:
    client.force_login(a_person(Role.VIEWER, "trader"))
    return client


@pytest.fixture
def strategy() -> Strategy:
    return Strategy.objects.create(name="ema cross", version="v1.2")


def ago(minutes: float = 30, **changes: Any) -> dict[str, Any]:
    moment = timezone.now().replace(second=0, microsecond=0)
    return {"timestamp": moment - timedelta(minutes=minutes), **changes}


def page_of(client: Client, identifier: UUID) -> str:
    answer = client.get(f"/signals/{identifier}/")
    assert answer.status_code == 200
    return re.sub(r"[ \n]+", " ", answer.content.decode())


def test_the_chart_asks_for_the_candles_around_the_signal(
    browser: Client, strategy: Strategy
) -> None:
    own: dict[str, Any] = {
        "strategy_id": strategy.pk,
        "strategy_name": strategy.name,
    }
    (identifier,) = stored(ago(timeframe="5m", **own))
    signal = Signal.objects.get()

    chart = browser.get(f"/signals/{identifier}/").context["chart"]

    asked = {name: values[0] for name, values in parse_qs(chart["query"]).items()}
    until = signal.timestamp + timedelta(minutes=5 * 40)
    assert asked == {
        "strategy": str(strategy.pk),
        "pair": "BTC/USDT",
        "timeframe": "5m",
        "until": str(int(until.timestamp() * 1000)),
        "limit": "160",
    }
    assert (chart["close"], chart["length"]) == (int(signal.timestamp.timestamp()), 300)
    candles = browser.get(f"/charts/candles/?{chart['query']}")
    assert candles.status_code in {200, 404}
    assert candles.json()["message"]


def test_a_posted_signal_has_no_bot_and_no_chart(browser: Client) -> None:
    (identifier,) = stored(ago())
    page = page_of(browser, identifier)
    assert "signal-chart" not in page
    assert "lightweight-charts" not in page


def test_a_streak_leads_to_all_of_it(browser: Client) -> None:
    first, _second, third = stored(ago(3), ago(2), ago(1))
    assert "the first candle" in page_of(browser, first)
    answer = browser.get(f"/signals/{third}/")
    assert "candle 3 in a row" in answer.content.decode()

    found = browser.get(f"/signals/?{answer.context['streak']}")

    assert len(found.context["rows"]) == 3
    nearby = browser.get(f"/signals/?{answer.context['same_pair']}")
    assert len(nearby.context["rows"]) == 3


def test_the_version_leads_to_the_versions_and_to_what_changed(
    browser: Client, strategy: Strategy
) -> None:
    for version in ("v1.0", "v1.2"):
        StrategyVersion.objects.create(
            strategy=strategy, version=version, config_snapshot={}
        )
    own: dict[str, Any] = {
        "strategy_id": strategy.pk,
        "strategy_name": strategy.name,
    }
    old, new, lost = stored(
        ago(3, strategy_version="v1.0", **own),
        ago(2, strategy_version="v1.2", pair="ETH/USDT", **own),
        ago(1, strategy_version="v0.9", pair="SOL/USDT", **own),
    )

    page = page_of(browser, old)
    link = f"/strategies/{strategy.pk}/versions/compare/?old=v1.0&amp;new=v1.2"
    assert f'href="/strategies/{strategy.pk}/"' in page
    assert f'href="/strategies/{strategy.pk}/versions/"' in page
    assert f'href="{link}"' in page
    assert browser.get(link.replace("&amp;", "&")).status_code == 200
    assert "the current one" in page_of(browser, new)
    assert "compare" not in page_of(browser, lost)
    Strategy.objects.filter(pk=strategy.pk).update(is_draft=True)
    gone = page_of(browser, old)
    assert "ema cross" in gone
    assert f"/strategies/{strategy.pk}/" not in gone


def notice(identifier: UUID, channel: NotificationChannel, **fields: Any) -> None:
    Notification.objects.create(
        signal_id=identifier,
        channel=channel,
        channel_type="email",
        message_type="signal",
        content="BUY BTC/USDT",
        **fields,
    )


def test_each_channel_says_what_became_of_the_signal_and_why(browser: Client) -> None:
    (identifier,) = stored(ago())
    channels = {
        name: NotificationChannel.objects.create(name=name, type="email")
        for name in ("Mail", "Night", "Muted", "<b>Broken</b>")
    }
    notice(identifier, channels["Mail"], status="sent")
    until = (timezone.now() + timedelta(hours=3)).isoformat()
    held = {"held": {"why": "quiet_hours"}, "next_attempt_at": until}
    notice(identifier, channels["Night"], status="pending", metadata=held)
    notice(
        identifier,
        channels["Muted"],
        status="sent",
        metadata={"suppressed": {"why": "silence", "reason": "upkeep"}},
    )
    notice(
        identifier,
        channels["<b>Broken</b>"],
        status="failed",
        error_message="550 no such <i>mailbox</i>",
    )

    answer = browser.get(f"/signals/{identifier}/")
    page = answer.content.decode()

    items = {item.channel: item for item in answer.context["notices"]}
    assert items.keys() == channels.keys()
    assert escape("550 no such <i>mailbox</i>") in page
    assert escape("<b>Broken</b>") in page
    for name in ("Night", "Muted"):
        assert items[name].why
        assert escape(items[name].why) in page
    assert f"/notifications/{Notification.objects.earliest('id').pk}/" in page
    assert f"/notifications/preview/?signal={identifier}" in page

"""What is handed over about a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone

from notifications.rendering import preview
from signals_app.messages import signal_messages
from signals_app.rows import rows_build
from tests.signals_app.factories import NOW, candidate

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from notifications.messages import Message


def told(**changes: Any) -> Message:
    """Return the message about the plain candidate with some fields changed."""
    rows = rows_build([candidate(**changes)], {}, timezone.now())
    return signal_messages([row.event() for row in rows])[0]


def test_the_context_says_everything_about_a_signal(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://watcher.example.org/here"
    found = told(strategy_id=3, tag="cross")
    path = reverse("signals_app:detail", args=[found.signal_id])
    assert found.context == {
        "strategy_id": 3,
        "strategy": "ema cross",
        "version": "v1.0",
        "exchange": "simulated",
        "pair": "BTC/USDT",
        "timeframe": "1m",
        "signal_type": "BUY",
        "strength": 85.0,
        "level": "strong",
        "price": "63210.5",
        "candle_close": "2026-11-20T12:00:00Z",
        "mark": "enter_long",
        "tag": "cross",
        "indicators": {"rsi": 71.5},
        "url": f"https://watcher.example.org/here{path}",
    }
    assert found.title == "▲ BUY BTC/USDT 1m · strong 85"
    assert found.body == ""


def test_without_a_public_address_there_is_no_link(settings: Settings) -> None:
    settings.PUBLIC_URL = ""
    assert "url" not in told().context


def test_indicators_are_bounded() -> None:
    many = {f"i{number}": float(number) for number in range(20)} | {"i0": "x" * 500}
    found = told(indicators=many).context["indicators"]
    assert list(found) == [f"i{number}" for number in range(8)]
    assert found["i0"] == "x" * 200


def test_a_guessed_strength_is_marked() -> None:
    assert told(strength_source="default").context["guessed"] is True
    assert "guessed" not in told().context


@pytest.mark.parametrize(
    ("language", "title"),
    [("en", "▼ SELL BTC/USDT 1m · weak 25"), ("zh-hans", "▼ 卖出 BTC/USDT 1m · 弱 25")],
)
def test_the_message_can_be_told_in_every_language(language: str, title: str) -> None:
    found = told(signal_type="SELL", mark="exit_long", strength=25.0)
    rendered = preview(found, {}, language, ZoneInfo("Asia/Shanghai"))
    assert rendered.title == title
    assert f"{NOW:%Y-%m-%d} 20:00 (Asia/Shanghai, UTC+8)" in rendered.body

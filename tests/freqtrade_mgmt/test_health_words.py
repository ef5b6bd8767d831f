"""The words of health: every code has a sentence, in every language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import translation

from freqtrade_mgmt.health.alarms import Note
from freqtrade_mgmt.health.conditions import RULES
from freqtrade_mgmt.health.notes import messages_of
from strategies.health_words import (
    ADVICE,
    GROUPS,
    REASONS,
    advice_text,
    level_text,
    muted_text,
    reason_text,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VALUES: dict[str, Any] = {
    "reason": "why",
    "minutes": 5,
    "seconds": "2",
    "state": "STOPPED",
    "pair": "BTC/USDT",
    "pairs": 3,
    "count": 2,
    "words": "boom",
    "usual": "9.5",
    "signals": 1,
    "percent": 90,
    "mb": 900,
    "name": "binance",
    "members": 4,
}
LANGUAGES = pytest.mark.parametrize("language", ["en", "zh-hans"])


def note(kind: str = "raised", code: str = "stale", **changes: Any) -> Note:
    plain: dict[str, Any] = {
        "kind": kind,
        "priority": "P0",
        "since": NOW - timedelta(minutes=7),
        "code": code,
        "values": VALUES,
        "name": "ema_cross",
        "strategy_ids": (7,),
    }
    return Note(**(plain | changes))


@LANGUAGES
@pytest.mark.parametrize("code", [*REASONS, *(f"{kind}:x" for kind in GROUPS)])
def test_every_reason_is_a_sentence(code: str, language: str) -> None:
    seconds = {"seconds": 130} if code == "stands_still" else {}
    with translation.override(language):
        text = reason_text(code, VALUES | seconds)
    assert text != code
    assert "%(" not in text


def test_a_code_or_values_of_another_version_break_nothing() -> None:
    assert reason_text("from_the_future", {}) == "from_the_future"
    assert reason_text("stale", {}) == "stale"
    assert reason_text("stale", VALUES | {"minutes": "x"}) == "stale"
    assert level_text("odd") == "odd"
    assert muted_text("odd%:x") == "odd%:x"
    assert advice_text("odd") == ""


def test_every_alarm_has_a_sentence_and_advice() -> None:
    assert RULES.keys() <= REASONS.keys()
    assert RULES.keys() | GROUPS.keys() <= ADVICE.keys()


@LANGUAGES
@pytest.mark.parametrize("kind", ["raised", "still", "well"])
@pytest.mark.parametrize("code", [*RULES, *(f"{kind}:x" for kind in GROUPS)])
def test_every_note_is_a_message(
    kind: str, code: str, language: str, settings: Any
) -> None:
    settings.LANGUAGE_CODE = language
    name = "" if ":" in code else "ema_cross"
    (message,) = messages_of([note(kind, code, name=name)], NOW)
    assert message.message_type == "alert"
    assert name in message.title
    assert "2026-11-22 11:53 UTC" in message.body
    assert "%(" not in message.content


def test_the_text_is_in_the_installation_s_language(settings: Any) -> None:
    settings.LANGUAGE_CODE = "en"
    with translation.override("zh-hans"):
        (message,) = messages_of([note()], NOW)
    assert message.title == (
        "Strategy ema_cross: No new candle of BTC/USDT for 5 min (stale pairs: 2 of 3)."
    )
    assert "Since 2026-11-22 11:53 UTC (7 min)." in message.body
    assert message.context["strategy_ids"] == [7]


def test_many_names_are_cut(settings: Any) -> None:
    settings.LANGUAGE_CODE = "en"
    names = tuple(f"s{number}" for number in range(30))
    (message,) = messages_of([note(code="exchange:binance", names=names)], NOW)
    assert "s19 …" in message.body
    assert "s20" not in message.body


def test_what_goes_on_is_said(settings: Any) -> None:
    settings.LANGUAGE_CODE = "en"
    (message,) = messages_of([note("well", left=(("errors", VALUES),))], NOW)
    assert message.title == "Strategy ema_cross: one alarm is over, others go on"
    assert "Goes on: Errors in its log (2 in 5 min): boom" in message.body


@pytest.mark.parametrize("muted", ["exchange:binance", "proxy:3", "supervisor"])
def test_who_mutes_is_said(muted: str) -> None:
    with translation.override("en"):
        assert muted_text(muted).startswith("Muted: ")

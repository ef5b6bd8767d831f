"""The words of health: every code has a sentence, in every language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import translation

from freqtrade_mgmt.health.alarms import Note
from freqtrade_mgmt.health.conditions import RULES
from freqtrade_mgmt.health.notes import context_of, words_of
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
@pytest.mark.parametrize("kind", ["raised", "well"])
@pytest.mark.parametrize("code", [*RULES, *(f"{kind}:x" for kind in GROUPS)])
def test_every_note_has_words(kind: str, code: str, language: str) -> None:
    name = "" if ":" in code else "ema_cross"
    with translation.override(language):
        words = words_of(note(kind, code, name=name))
    assert name in words.title
    assert words.body
    assert "%(" not in words.title + words.body


def test_an_alert_says_what_is_wrong_and_of_which_strategy() -> None:
    with translation.override("en"):
        words = words_of(note())
    assert words.title == (
        "Strategy ema_cross: No new candle of BTC/USDT for 5 min (stale pairs: 2 of 3)."
    )
    assert context_of(note()) == {
        "alarm": "stale",
        "strategy": "ema_cross",
        "strategy_id": 7,
        "strategy_ids": [7],
    }


def test_an_alert_of_a_group_is_of_no_single_strategy() -> None:
    group = note(code="exchange:binance", name="", strategy_ids=(7, 8))
    assert context_of(group) == {"alarm": "exchange:binance", "strategy_ids": [7, 8]}


def test_many_names_are_cut() -> None:
    names = tuple(f"s{number}" for number in range(30))
    with translation.override("en"):
        body = words_of(note(code="exchange:binance", names=names)).body
    assert "s19 …" in body
    assert "s20" not in body


def test_what_goes_on_is_said() -> None:
    with translation.override("en"):
        words = words_of(note("well", left=(("errors", VALUES),)))
    assert words.title == "Strategy ema_cross: one alarm is over, others go on"
    assert "Goes on: Errors in its log (2 in 5 min): boom" in words.body

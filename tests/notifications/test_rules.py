"""Which channel wants what, as a table, and why or why not in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.utils.translation import override

from notifications.messages import MESSAGE_TYPES
from notifications.rules import CONDITIONS, WORDS, explain
from tests.notifications.factories import message

SIGNAL: dict[str, Any] = {
    "strategy_id": 7,
    "pair": "BTC/USDT",
    "signal_type": "BUY",
    "timeframe": "1m",
    "strength_level": "strong",
}


@dataclass(frozen=True)
class Channel:
    """A channel as rules see it."""

    config: dict[str, Any] = field(default_factory=dict)
    enabled: bool = True


@pytest.mark.parametrize(
    ("enabled", "config", "priority", "message_type", "code"),
    [
        (True, {}, "P0", "signal", "all"),
        (True, {}, "P2", "system", "all"),
        (False, {}, "P0", "signal", "disabled"),
        (True, {"priorities": ["P0"]}, "P0", "signal", "match"),
        (True, {"priorities": ["P0"]}, "P1", "signal", "priority"),
        (True, {"priorities": []}, "P0", "signal", "priority"),
        (True, {"priorities": None}, "P2", "signal", "all"),
        (True, {"priorities": "P0"}, "P2", "signal", "all"),
        (True, {"message_types": ["alert"]}, "P0", "signal", "message_type"),
        (True, {"message_types": ["alert", "signal"]}, "P0", "signal", "match"),
        (
            True,
            {"message_types": ["alert"], "priorities": ["P1"]},
            "P1",
            "alert",
            "match",
        ),
    ],
)
def test_a_channel_gets_what_it_wants(
    enabled: bool,
    config: dict[str, Any],
    priority: str,
    message_type: str,
    code: str,
) -> None:
    told = message(priority=priority, message_type=message_type)
    verdict = explain(Channel(config, enabled), told)
    assert (verdict.code, verdict.wanted) == (code, code in ("all", "match"))


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ({}, "all"),
        ({"pairs": None}, "all"),
        ({"pairs": ["BTC/USDT"]}, "match"),
        ({"pairs": ["*/USDT"]}, "match"),
        ({"pairs": ["ETH/USDT", "BTC/*"]}, "match"),
        ({"pairs": ["ETH/USDT"]}, "pairs"),
        ({"pairs": ["btc/usdt"]}, "pairs"),
        ({"pairs": []}, "pairs"),
        ({"strategies": [7, 8]}, "match"),
        ({"strategies": [8]}, "strategies"),
        ({"types": ["SELL", "HOLD"]}, "types"),
        ({"types": ["BUY"], "levels": ["strong"]}, "match"),
        ({"timeframes": ["1M"]}, "timeframes"),
        ({"timeframes": ["1m", "5m"]}, "match"),
        ({"levels": ["medium", "weak"]}, "levels"),
        ({"types": ["SELL"], "pairs": ["ETH/USDT"]}, "pairs"),
        ("nonsense", "all"),
    ],
)
def test_rules_look_at_the_context_of_a_signal(rules: Any, code: str) -> None:
    verdict = explain(Channel({"rules": rules}), message(context=SIGNAL))
    assert verdict.code == code


def test_the_level_goes_by_either_name() -> None:
    channel = Channel({"rules": {"levels": ["weak"]}})
    assert explain(channel, message(context={"level": "weak"})).wanted
    assert not explain(channel, message(context={"strength_level": "strong"})).wanted


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_rule_does_not_speak_of_messages_without_its_value(condition: str) -> None:
    channel = Channel({"rules": {condition: ["nothing"]}})
    alert = message(message_type="alert", title="The proxy is dead", context={})
    assert explain(channel, alert).wanted


def test_a_transport_may_want_less_when_nothing_is_configured() -> None:
    told = message(priority="P1")
    assert explain(Channel(), told, ("P0",)).code == "priority"
    assert explain(Channel({"priorities": ["P1"]}), told, ("P0",)).wanted


@pytest.mark.parametrize(
    ("config", "changes", "words"),
    [
        ({"rules": {"pairs": ["ETH/USDT", "*/BTC"]}}, {}, ["BTC/USDT", "*/BTC, ETH"]),
        ({"rules": {"types": []}}, {}, ["type buy", "none"]),
        ({"priorities": ["P0", "P1"]}, {"priority": "P2"}, ["P2", "P0, P1"]),
        ({"message_types": ["alert"]}, {}, ["signal", "alert"]),
        ({}, {}, ["everything"]),
    ],
)
def test_the_reason_is_a_sentence_that_names_the_values(
    config: dict[str, Any], changes: dict[str, Any], words: list[str]
) -> None:
    with override("en"):
        verdict = explain(Channel(config), message(context=SIGNAL, **changes))
    for word in words:
        assert word in verdict.words
    assert "%(" not in verdict.words


def test_every_reason_has_words() -> None:
    assert set(WORDS) == {
        "all",
        "match",
        "disabled",
        "message_type",
        "priority",
        *CONDITIONS,
    }
    assert len(MESSAGE_TYPES) == 3

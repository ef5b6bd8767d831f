"""What pages may say of a state, and the words that they say it with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import translation

from strategies.described import differences_shown, side_by_side
from strategies.health_words import muted_text, reason_text
from strategies.listing import Choice, columns
from strategies.page_words import ago_text, summary_text, value_text
from strategies.rows import health_shown, moment_read, pairs_shown
from strategies.shown import shown_state, span_text
from strategies.versions import code_diff

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _english() -> Any:
    with translation.override("en"):
        yield


def found(code: str, **values: Any) -> dict[str, Any]:
    return {"reasons": [{"code": code, "values": values, "cost": 50}]}


@pytest.mark.parametrize(
    ("status", "age", "health", "health_age", "state"),
    [
        ("running", 5, {}, None, "running"),
        ("running", 59.9, {}, None, "running"),
        ("running", 60, {}, None, "unconfirmed"),
        ("running", None, {}, None, "unconfirmed"),
        ("running", 5, found("not_running", state="STOPPED"), 30, "blind"),
        ("running", 5, found("not_running", state="STOPPED"), 121, "running"),
        ("running", 5, found("no_answer", seconds="1.5"), 30, "blind"),
        (
            "running",
            5,
            found("strategy_fails", count=3, minutes=5, words=""),
            1,
            "blind",
        ),
        ("running", 5, found("errors", count=3, minutes=5, words=""), 1, "running"),
        (
            "running",
            5,
            found("stale", pair="A/B", minutes=9, count=1, pairs=3),
            30,
            "running",
        ),
        (
            "running",
            5,
            found("stale", pair="A/B", minutes=9, count=3, pairs=3),
            30,
            "blind",
        ),
        ("running", 61, found("not_running", state="STOPPED"), 30, "unconfirmed"),
        ("starting", None, {}, None, "starting"),
        ("stopping", 5, {}, None, "stopping"),
        ("stopped", None, {}, None, "stopped"),
        ("error", None, {}, None, "error"),
        ("something else", 5, {}, None, "unconfirmed"),
    ],
)
def test_running_is_said_only_of_what_is_known_to_run(
    status: str,
    age: float | None,
    health: dict[str, Any],
    health_age: float | None,
    state: str,
) -> None:
    shown = shown_state(status, age, health=health, health_age_s=health_age)
    assert shown.state == state
    assert shown.urgent == (state in {"error", "blind", "unconfirmed"})
    assert bool(shown.why) == (
        state in {"blind", "unconfirmed"} and status == "running"
    )


@pytest.mark.parametrize(
    ("status", "actions"),
    [
        ("stopped", ("start",)),
        ("starting", ("stop", "restart")),
        ("running", ("stop", "restart")),
        ("stopping", ("start",)),
        ("error", ("start", "stop")),
    ],
)
def test_only_what_makes_sense_can_be_asked_for(
    status: str, actions: tuple[str, ...]
) -> None:
    assert shown_state(status, 1).actions == actions


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (75, "1 min 15 s"),
        (3600, "1 h"),
        (3725, "1 h 2 min"),
        (90_061, "1 d 1 h"),
        (86_400, "1 d"),
        (-3, "0 s"),
    ],
)
def test_a_length_of_time_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert span_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7199, "119 min ago"),
        (7200, "2 h ago"),
        (172_800, "2 d ago"),
    ],
)
def test_how_long_ago(seconds: float, text: str) -> None:
    assert ago_text(seconds) == text


def test_a_candle_is_told_by_its_close_and_late_after_three() -> None:
    def opened(minutes: int) -> int:
        return round((NOW - timedelta(minutes=minutes)).timestamp() * 1000)

    last = {"A/B": opened(10), "C/D": opened(22), "E/F": "broken"}
    wanted = pairs_shown(["A/B", "C/D", "E/F", "G/H"], "5m", last, NOW, due=True)
    assert [pair.candle for pair in wanted] == [
        NOW - timedelta(minutes=5),
        NOW - timedelta(minutes=17),
        None,
        None,
    ]
    assert [pair.late for pair in wanted] == [False, True, True, True]
    idle = pairs_shown(["C/D"], "5m", last, NOW, due=False)
    assert [pair.late for pair in idle] == [False]
    unreadable = pairs_shown(["A/B"], "soon", last, NOW, due=True)
    assert unreadable[0].candle is None


def test_health_tells_its_reasons_and_what_to_do() -> None:
    stored = {
        "score": 70,
        "level": "fair",
        "checked_at": (NOW - timedelta(seconds=20)).isoformat(),
        "reasons": [
            {
                "code": "errors",
                "values": {"count": 2, "minutes": 5, "words": "x"},
                "cost": 30,
            },
            {"code": "error_state", "values": {"reason": "?"}, "cost": 0},
        ],
    }
    shown = health_shown(stored, {"stale": {"muted_by": "exchange:okx"}}, NOW)
    assert (shown.score, shown.old) == (70, False)
    assert [(r.text, r.cost) for r in shown.reasons] == [
        (reason_text("errors", {"count": 2, "minutes": 5, "words": "x"}), 30)
    ]
    assert shown.reasons[0].advice
    assert shown.muted == (muted_text("exchange:okx"),)
    nothing = health_shown({}, {}, NOW)
    assert (nothing.level, nothing.score, nothing.old) == ("none", None, True)


def test_a_bot_that_has_not_begun_yet_is_not_rated() -> None:
    stored = {
        "score": 50,
        "level": "fair",
        "checked_at": NOW.isoformat(),
        "reasons": [{"code": "starting", "values": {}, "cost": 50}],
    }
    shown = health_shown(stored, {}, NOW)
    assert (shown.level, shown.score, shown.reasons) == ("none", None, ())


def test_the_last_problem_is_told_while_it_is_started_again() -> None:
    assert shown_state("starting", None, reason="it crashed").why == (
        "Last problem: it crashed"
    )


@pytest.mark.parametrize("text", [None, 5, "", "soon", "2026-13-40T00:00:00"])
def test_what_is_no_moment_is_none(text: Any) -> None:
    assert moment_read(text) is None


def test_a_column_s_head_asks_for_the_useful_order_first_and_then_turns_it() -> None:
    assert columns(Choice())["signals"].query == "?sort=-signals"
    assert columns(Choice(sort="-signals"))["signals"].query == "?sort=signals"
    assert columns(Choice(sort="signals"))["signals"].order == "ascending"
    assert columns(Choice())["name"].query == "?sort=-name"
    assert (
        columns(Choice(sort="-name", state="stopped"))["name"].query == "?state=stopped"
    )


def test_values_and_summaries_are_words() -> None:
    assert value_text("type", "signal_monitor") == "signals only"
    assert value_text("config.template.name", "rsi") == "RSI: relative strength index"
    assert value_text("", None) == "not set"
    assert value_text("", True) == "yes"
    assert value_text("", 50.0) == "50"
    assert value_text("", ["a", 2]) == "a, 2"
    assert value_text("", {"a": 1}) == '{"a": 1}'
    assert (
        summary_text("config.pairs, signal_thresholds.weak, …") == "Pairs, Weak from, …"
    )
    assert summary_text("config.x, and more") == "config.x, and more"
    assert summary_text("Rolled back to v1.0.") == "Rolled back to v1.0."
    assert summary_text("freqtrade_config.a.b") == "freqtrade: a.b"


def test_what_a_version_says_of_itself_is_in_the_reader_s_language() -> None:
    with translation.override("zh-hans"):
        assert summary_text("Rolled back to v1.0.") == "已回滚到 v1.0。"
        assert "做T v1.2" in summary_text("Copied from 做T v1.2.")
    assert summary_text("Copied from a b v1.2.") == "Copied from a b v1.2."


def test_of_a_list_only_what_changed_is_marked() -> None:
    empty: dict[str, Any] = {"freqtrade_config": {}, "signal_thresholds": {}}
    old = empty | {"config": {"pairs": ["A/B", "C/D"], "template": None}}
    new = empty | {"config": {"pairs": ["C/D", "E/F"], "timeframe": "5m"}}
    shown = {one.label: one for one in differences_shown(old, new)}
    assert [(p.text, p.kind) for p in shown["Pairs"].old] == [
        ("A/B", "removed"),
        ("C/D", "same"),
    ]
    assert [(p.text, p.kind) for p in shown["Pairs"].new] == [
        ("C/D", "same"),
        ("E/F", "added"),
    ]
    assert [(p.text, p.kind) for p in shown["Timeframe"].old] == [("not set", "absent")]
    swapped = empty | {"config": {"pairs": ["C/D", "A/B"], "template": None}}
    (order,) = differences_shown(old, swapped)
    assert {part.kind for part in order.new} == {"added"}


def test_removed_lines_stand_beside_added_ones() -> None:
    lines = code_diff("a\nb\nc\n", "a\nx\ny\nc\n")
    pairs = [
        (pair.old.text if pair.old else None, pair.new.text if pair.new else None)
        for pair in side_by_side(lines)
    ]
    assert pairs == [("a", "a"), ("b", "x"), (None, "y"), ("c", "c")]
    long = "\n".join(str(number) for number in range(40))
    gaps = [pair.gap for pair in side_by_side(code_diff(long, long + "\nend"))]
    assert gaps[0]
    assert not any(gaps[1:])

"""Snapshots, version numbers and differences."""

from __future__ import annotations

from typing import Any

import pytest

from strategies.models import Strategy
from strategies.versions import (
    DiffLine,
    FieldDifference,
    code_diff,
    differences,
    next_version,
    runs_differently,
    snapshot,
    trades_differently,
    without_secrets,
)

LIVE = {"enabled": True, "by": "mei", "at": "now", "key": "v1:a:b", "secret": "v1:c:d"}
SHOT: dict[str, Any] = {
    "config": {"code": "a\nb", "pairs": ["BTC/USDT"], "strength": {"default": 50}},
    "freqtrade_config": {},
    "signal_thresholds": {"strong": 80},
    "type": "signal_monitor",
    "by": None,
}


@pytest.mark.parametrize(
    ("version", "following"),
    [("v1.0", "v1.1"), ("v1.3", "v1.4"), ("v1.9", "v1.10"), ("mine", "mine.1")],
)
def test_versions_count_up(version: str, following: str) -> None:
    assert next_version(version) == following


def test_a_snapshot_holds_no_secret_and_nothing_of_a_draft() -> None:
    strategy = Strategy(
        config={"code": "x", "editing": True, "base_version": "v1.0", "saved_by": None},
        freqtrade_config={"version": "2026.9", "live": LIVE},
    )

    shot = snapshot(strategy)

    assert shot["config"] == {"code": "x"}
    assert shot["freqtrade_config"]["live"] == LIVE | {"key": "set", "secret": "set"}
    assert "v1:" not in str(shot)
    assert strategy.freqtrade_config["live"] == LIVE


@pytest.mark.parametrize("live", ["v1:a:b", ["v1:a:b"], 7])
def test_whatever_stands_where_secrets_stand_is_hidden(live: object) -> None:
    assert without_secrets({"live": live}) == {"live": "set"}


def test_what_is_called_like_a_secret_is_hidden_at_any_depth() -> None:
    exchange = {"key": "a", "secret": "b", "uid": "c", "ccxt_config": {"timeout": 9}}
    kept = {"stoploss": -0.1, "version": "2026.9", "proxy": 3}

    shown = without_secrets(kept | {"exchange": exchange, "x": [{"token": "d"}]})

    assert shown == kept | {
        "exchange": {
            **dict.fromkeys(("key", "secret", "uid"), "set"),
            "ccxt_config": {"timeout": 9},
        },
        "x": [{"token": "set"}],
    }


def test_differences_are_named_by_their_paths_and_leave_the_code_out() -> None:
    new = SHOT | {
        "config": {"code": "c", "pairs": ["ETH/USDT"], "strength": {"column": "s"}},
        "freqtrade_config": {"proxy": 3},
        "by": {"id": 1, "username": "mei"},
    }
    assert differences(SHOT, new) == [
        FieldDifference("config.pairs", ["BTC/USDT"], ["ETH/USDT"]),
        FieldDifference("config.strength.column", None, "s"),
        FieldDifference("config.strength.default", 50, None),
        FieldDifference("freqtrade_config.proxy", None, 3),
    ]


def test_what_a_snapshot_of_the_first_release_lacks_is_not_compared() -> None:
    old = {key: value for key, value in SHOT.items() if key != "type"}
    assert differences(old, SHOT) == []
    assert not runs_differently(old, SHOT)


def test_who_made_a_version_is_no_difference() -> None:
    other = SHOT | {"by": {"id": 1, "username": "mei"}}
    assert differences(SHOT, other) == []
    assert not runs_differently(SHOT, other)


def test_thresholds_run_differently_and_trade_the_same() -> None:
    other = SHOT | {"signal_thresholds": {"strong": 90}}
    assert runs_differently(SHOT, other)
    assert not trades_differently(SHOT, other)
    assert trades_differently(SHOT, SHOT | {"type": "trade_execution"})


def test_code_is_compared_line_by_line_with_its_numbers() -> None:
    old = "\n".join(f"line {number}" for number in range(1, 21))
    new = old.replace("line 10", "line ten").replace("line 20", "line 20\nline 21")

    lines = code_diff(old, new, context=1)

    assert lines == [
        DiffLine("gap", None, None, ""),
        DiffLine("same", 9, 9, "line 9"),
        DiffLine("removed", 10, None, "line 10"),
        DiffLine("added", None, 10, "line ten"),
        DiffLine("same", 11, 11, "line 11"),
        DiffLine("gap", None, None, ""),
        DiffLine("same", 20, 20, "line 20"),
        DiffLine("added", None, 21, "line 21"),
    ]


def test_what_follows_the_last_difference_is_a_gap() -> None:
    old = "a\nb\nc\nd"
    assert code_diff(old, old.replace("a", "A"), context=1)[-1].kind == "gap"


@pytest.mark.parametrize("text", ["", "a\nb\n"])
def test_equal_code_has_no_differing_lines(text: str) -> None:
    assert code_diff(text, text) == []


def test_code_from_nothing_is_all_added() -> None:
    assert [line.kind for line in code_diff("", "a\nb")] == ["added", "added"]

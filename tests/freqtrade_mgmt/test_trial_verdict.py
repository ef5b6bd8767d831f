"""What a trial's report and end are told as."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freqtrade_mgmt.trial.verdict import Ended, Tried, verdict

TRIED = Tried("2026.9", timeframe="5m", file_timeframe="5m", column="signal_strength")
FACTS: dict[str, Any] = {
    "class_name": "Mine",
    "timeframe": "5m",
    "startup_candle_count": 20,
    "can_short": False,
    "interface_version": 3,
    "candles": 500,
    "marks": {"enter_long": 3, "exit_long": 0},
    "columns": ["rsi", "signal_strength"],
}


def said(*stages: dict[str, Any]) -> str:
    return "".join(json.dumps(stage) + "\n" for stage in stages)


def refused(**problem: Any) -> str:
    return said({"stage": "ready"}, {"stage": "refused", "problem": problem})


def done(facts: dict[str, Any], *warnings: Any) -> str:
    return said(
        {"stage": "loaded"},
        {"stage": "done", "facts": facts, "warnings": list(warnings)},
    )


READY = said({"stage": "ready"})
LOADED = said({"stage": "ready"}, {"stage": "loaded", "facts": {}})


@pytest.mark.parametrize(
    ("report", "code", "late", "output", "reason"),
    [
        (READY, -9, True, "", "did not finish loading within 30 s"),
        (LOADED, -9, True, "", "candles within 30 s"),
        ("", -9, True, "", "freqtrade 2026.9 itself did not start within 30 s"),
        ("", 1, False, "x\n\nNo module named freqtrade\n", "No module named freqtrade"),
        ("", 1, False, "", "exit code 1"),
        (READY, 0, False, "", "ended the whole program (code 0)"),
        (LOADED, 7, False, "", "ended the whole program (code 7)"),
        (READY, -9, False, "", "probably because the machine ran out of memory"),
        (READY, -24, False, "", "more than 30 s of processor time"),
        (READY, -11, False, "", "crashed Python itself (SIGSEGV)"),
        (READY, -6, False, "what(): std::bad_alloc", "more than 2000 MB of memory"),
        (READY, -99, False, "", "(signal 99)"),
        (
            refused(kind="KeyError", text="'x'", line=9),
            0,
            False,
            "",
            "cannot be loaded: KeyError: 'x' (line 9).",
        ),
        (refused(kind="Odd", text=""), 0, False, "", "cannot be loaded: Odd."),
        (
            refused(kind="ModuleNotFoundError", text="No", module="foo", line=2),
            0,
            False,
            "",
            "imports foo, which freqtrade 2026.9 does not have (line 2)",
        ),
        (
            refused(kind="IndentationError", text="unexpected indent", line=4),
            0,
            False,
            "",
            "not valid Python: line 4: unexpected indent",
        ),
        (
            refused(kind="MemoryError", text="", line=3),
            0,
            False,
            "",
            "more than 2000 MB of memory (line 3)",
        ),
        (
            refused(kind="SystemExit", code="7", line=1),
            0,
            False,
            "",
            "(code 7) (line 1)",
        ),
        (
            refused(kind="HidesModule", text="wrapt"),
            0,
            False,
            "",
            "wrapt.py would hide",
        ),
        (
            refused(kind="OperationalException", text="Interface v1 is gone."),
            0,
            False,
            "",
            "freqtrade refuses the strategy: Interface v1 is gone.",
        ),
        (
            refused(
                kind="ImportError",
                text="Short strategies cannot run in spot markets. Please",
            ),
            0,
            False,
            "",
            "sells short (can_short)",
        ),
        (said({"stage": "refused", "problem": [1]}), 0, False, "", "cannot be loaded"),
        ("[1]\n{}\nnot json\n", 0, False, "", "did not start"),
        ("[" * 100_000, 0, False, "", "did not start"),
    ],
)
def test_every_bad_end_has_a_sentence(
    report: str, code: int, late: bool, output: str, reason: str
) -> None:
    outcome = verdict(Ended(code, late, report, output), TRIED)
    assert not outcome.passed
    assert outcome.reason is not None
    assert reason in outcome.reason.english()
    assert outcome.stored_facts()["reason"]["code"] == outcome.reason.code


def test_a_good_trial_passes_with_its_facts() -> None:
    outcome = verdict(Ended(0, False, done(FACTS)), TRIED)
    assert outcome.passed
    assert outcome.reason is None
    assert outcome.warnings == ()
    assert outcome.facts == {**FACTS, "freqtrade_version": "2026.9"}


@pytest.mark.parametrize(
    ("facts", "problems", "expected"),
    [
        ({"marks": {"enter_long": 0}}, [], ["set no mark"]),
        ({"marks": {}}, [], ["set no mark"]),
        ({"columns": ["rsi"]}, [], ["no column signal_strength"]),
        (
            {"candles": None},
            [{"kind": "KeyError", "text": "'x'", "line": 30}],
            ["the strategy failed: KeyError: 'x' (line 30)"],
        ),
        (
            {"candles": None},
            [{"kind": "OperationalException", "text": "Exchange is not available."}],
            ["OperationalException: Exchange is not available."],
        ),
    ],
)
def test_what_is_odd_is_a_warning(
    facts: dict[str, Any], problems: list[Any], expected: list[str]
) -> None:
    outcome = verdict(Ended(0, False, done(FACTS | facts, *problems)), TRIED)
    assert outcome.passed
    told = [warning.english() for warning in outcome.warnings]
    assert len(told) == len(expected)
    assert all(part in text for part, text in zip(expected, told, strict=True))


def test_another_timeframe_than_the_files_is_a_warning() -> None:
    tried = Tried("2026.9", timeframe="5m", file_timeframe="1h")
    (warning,) = verdict(Ended(0, False, done(FACTS)), tried).warnings
    assert "file says timeframe 1h" in warning.english()


def test_a_report_that_a_strategy_wrote_itself_is_cut_to_what_may_be_stored() -> None:
    forged = done(
        {
            **FACTS,
            "timeframe": "x" * 9_000,
            "columns": ["c" * 9_000] * 9_000,
            "marks": {f"m{n}": n for n in range(50)} | {"enter_long": "many"},
            "can_short": "yes",
            "more": {"deep": []},
        },
        *["not an object"] * 50,
    )
    outcome = verdict(Ended(0, False, forged), TRIED)
    assert len(json.dumps(outcome.stored_facts())) < 100_000
    assert not {"can_short", "more"} & outcome.facts.keys()
    assert len(outcome.warnings) < 10

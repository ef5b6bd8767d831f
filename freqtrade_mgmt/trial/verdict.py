"""What came of a trial: from the report and the end of its process to words. Pure.

The report is written by a process that ran a stranger's program, so nothing in it is
trusted to have a certain form.
"""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.trial.words import Sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

_FACTS: Final[Mapping[str, type]] = {
    "class_name": str,
    "timeframe": str,
    "startup_candle_count": int,
    "can_short": bool,
    "interface_version": int,
    "candles": int,
    "marks": dict,
    "columns": list,
}
_TEXT: Final = 300
_MOST: Final = 200
_MARKS: Final = 10
_OUT_OF_MEMORY: Final = ("bad_alloc", "MemoryError", "Cannot allocate memory")
# Errors of freqtrade's own that are about the strategy as a whole.
_OF_FREQTRADE: Final = frozenset(
    {"OperationalException", "ConfigurationError", "StrategyError", "ImportError"}
)
_SYNTAX: Final = frozenset({"SyntaxError", "IndentationError", "TabError"})


@dataclass(frozen=True)
class Tried:
    """How a trial was made: with which freqtrade, within how many seconds and megabytes.

    ``timeframe`` is the chosen one, ``file_timeframe`` that of the file, ``column`` the
    one that signals take their strength from, empty where that does not matter.
    """

    version: str
    timeframe: str = ""
    file_timeframe: str = ""
    column: str = ""
    seconds: int = 30
    megabytes: int = 2_000


@dataclass(frozen=True)
class Ended:
    """How the process of a trial ended.

    ``code`` is its exit code or the negative number of a signal, ``late`` is True when
    we ended it, ``report`` its lines of JSON and ``output`` the end of what it printed.
    """

    code: int
    late: bool
    report: str
    output: str = ""


@dataclass(frozen=True)
class Outcome:
    """The verdict. ``reason`` says why it failed, ``facts`` what the strategy is."""

    passed: bool
    reason: Sentence | None = None
    warnings: tuple[Sentence, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def stored_facts(self) -> dict[str, Any]:
        """Return the facts with the codes of all sentences, for other languages."""
        reason = self.reason.stored() if self.reason else None
        warnings = [warning.stored() for warning in self.warnings]
        return {**self.facts, "reason": reason, "warnings": warnings}


def failed(code: str, line: int | None = None, **values: Any) -> Outcome:
    """Return the outcome of a trial that failed for one reason."""
    return Outcome(passed=False, reason=Sentence(code, values, line))


def verdict(ended: Ended, tried: Tried) -> Outcome:
    """Judge a trial."""
    said = _last(ended.report)
    stage = said.get("stage")
    if stage == "done":
        facts = _facts(said.get("facts"))
        facts["freqtrade_version"] = tried.version
        return Outcome(
            passed=True, warnings=tuple(_warnings(said, facts, tried)), facts=facts
        )
    if stage in {"refused", "failed"}:
        sentence = problem_sentence(_object(said.get("problem")), tried, "load")
        return Outcome(passed=False, reason=sentence)
    if ended.late:
        return _late(stage, tried)
    if stage is None:
        return failed("no_start", version=tried.version, problem=_last_line(ended))
    return Outcome(passed=False, reason=_end_sentence(ended, tried))


def problem_sentence(problem: Mapping[str, Any], tried: Tried, code: str) -> Sentence:
    """Return the sentence about an exception; ``code`` is the one of the general case."""
    kind, text = _text(problem.get("kind")), _text(problem.get("text"))
    line = problem.get("line")
    line = line if type(line) is int and line > 0 else None
    if special := _special(kind, text, problem, tried):
        name, values = special
        return Sentence(name, values, line)
    if code == "load" and line is None and kind in _OF_FREQTRADE:
        return Sentence("refused", {"problem": text})
    said = f"{kind}: {text}".rstrip(". ") if text else kind
    return Sentence(code, {"problem": said}, line)


def _special(
    kind: str, text: str, problem: Mapping[str, Any], tried: Tried
) -> tuple[str, dict[str, Any]] | None:
    """Return the code and values for the errors that have a sentence of their own."""
    module = _text(problem.get("module"))
    cases: dict[str, tuple[str, dict[str, Any]]] = {
        "MemoryError": ("memory", {"megabytes": tried.megabytes}),
        "SystemExit": ("exits", {"code": _text(problem.get("code")) or "0"}),
        "HidesModule": ("name_module", {"name": text}),
        "SyntaxError": ("syntax", {"problem": text}),
    }
    if module and kind == "ModuleNotFoundError":
        return "missing_module", {"module": module, "version": tried.version}
    if text.startswith("Short strategies cannot run in spot markets"):
        return "short_on_spot", {}
    return cases.get("SyntaxError" if kind in _SYNTAX else kind)


def _late(stage: object, tried: Tried) -> Outcome:
    if stage == "loaded":
        return failed("work_late", seconds=tried.seconds)
    if stage == "ready":
        return failed("load_late", seconds=tried.seconds)
    return failed("slow_start", seconds=tried.seconds, version=tried.version)


def _end_sentence(ended: Ended, tried: Tried) -> Sentence:
    """Return the sentence about a process that ended without a word."""
    if ended.code >= 0:
        return Sentence("exits", {"code": ended.code})
    if ended.code == -signal.SIGXCPU:
        return Sentence("cpu", {"seconds": tried.seconds})
    if ended.code == -signal.SIGKILL:
        return Sentence("killed")
    if any(word in ended.output for word in _OUT_OF_MEMORY):
        return Sentence("memory", {"megabytes": tried.megabytes})
    try:
        name = signal.Signals(-ended.code).name
    except ValueError:
        name = f"signal {-ended.code}"
    return Sentence("crashed", {"signal": name})


def _warnings(
    said: Mapping[str, Any], facts: Mapping[str, Any], tried: Tried
) -> list[Sentence]:
    given = said.get("warnings")
    problems = given if isinstance(given, list) else []
    found = [problem_sentence(_object(p), tried, "calculation") for p in problems[:5]]
    chosen, own = tried.timeframe, tried.file_timeframe
    if chosen and own and chosen != own:
        found.append(Sentence("timeframe_other", {"file": own, "chosen": chosen}))
    if "candles" not in facts:
        return found
    if not any(facts.get("marks", {}).values()):
        found.append(Sentence("no_marks", {"candles": facts["candles"]}))
    elif tried.column and tried.column not in facts.get("columns", []):
        found.append(Sentence("signals_by_default", {"column": tried.column}))
    return found


def _last(report: str) -> Mapping[str, Any]:
    """Return the last whole line that is a JSON object, or an empty object."""
    for line in reversed(report.split("\n")):
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict):
            return said
    return {}


def _facts(given: object) -> dict[str, Any]:
    """Return the facts of the right type, cut to a size that may be stored."""
    facts: dict[str, Any] = {
        name: value
        for name, value in _object(given).items()
        if name in _FACTS and type(value) is _FACTS[name]
    }
    for name in ("class_name", "timeframe"):
        if name in facts:
            facts[name] = _text(facts[name])
    if "columns" in facts:
        facts["columns"] = [_text(name) for name in facts["columns"][:_MOST]]
    if "marks" in facts:
        marks = list(facts["marks"].items())[:_MARKS]
        facts["marks"] = {_text(k): v for k, v in marks if type(v) is int}
    return facts


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return "" if value is None else str(value)[:_TEXT]


def _last_line(ended: Ended) -> str:
    lines = [line.strip() for line in ended.output.splitlines() if line.strip()]
    return lines[-1][:_TEXT] if lines else f"exit code {ended.code}"

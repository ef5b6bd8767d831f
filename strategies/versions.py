"""What a strategy ran: snapshots, their numbers and their differences. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final, Literal

from btc_watcher.lib.redaction import is_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from strategies.models import Strategy

FIRST: Final = "v1.0"
# Stands for a secret wherever a person can read.
MARK: Final = "set"
# What a draft notes about itself; it never runs and never becomes part of a version.
DRAFT_KEYS: Final = frozenset({"editing", "base_version", "saved_by"})
RUNS: Final = ("config", "freqtrade_config", "signal_thresholds", "type")
CONTEXT_LINES: Final = 3
_NUMBER: Final = re.compile(r"(\d+)$")


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One setting that differs; None stands for a setting that is absent.

    ``name`` is its path, such as ``config.pairs`` or ``signal_thresholds.strong``.
    """

    name: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a comparison of code; a gap stands for equal lines left out.

    Numbers count from 1 and are None where the line is not in that text.
    """

    kind: Literal["same", "removed", "added", "gap"]
    old_no: int | None
    new_no: int | None
    text: str


def snapshot(strategy: Strategy) -> dict[str, Any]:
    """Return everything that decides what ``strategy`` runs, without its secrets."""
    return {
        "config": config_run(strategy.config),
        "freqtrade_config": without_secrets(strategy.freqtrade_config),
        "signal_thresholds": dict(strategy.signal_thresholds),
        "type": str(strategy.type),
    }


def config_run(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``config`` without what only a draft notes about itself."""
    return {k: plain(value) for k, value in config.items() if k not in DRAFT_KEYS}


def without_live(freqtrade_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``freqtrade_config`` without the leave to trade for real."""
    return {k: plain(value) for k, value in freqtrade_config.items() if k != "live"}


def plain(value: Any) -> Any:
    """Return ``value`` as JSON gives it back, so that equal settings are equal."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def without_secrets(freqtrade_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``freqtrade_config`` with a mark in place of each secret, for people.

    Whatever is called like one is hidden at any depth, also where rules would have
    refused it: older rows, or ones written past them, hold what they hold.
    """
    shown: dict[str, Any] = _marked(freqtrade_config)
    if not isinstance(shown.get("live"), dict | None):
        shown["live"] = MARK
    return shown


def _marked(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: MARK if inner and is_secret_name(str(name)) else _marked(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_marked(inner) for inner in value]
    return value


def next_version(version: str) -> str:
    """Return the version that follows: v1.4 after v1.3, v1.10 after v1.9."""
    found = _NUMBER.search(version)
    if found is None:
        return f"{version}.1"
    return f"{version[: found.start()]}{int(found[1]) + 1}"


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[FieldDifference]:
    """Return the settings in which two snapshots differ, in the order of their paths.

    The code is left out: ``code_diff`` compares it line by line. Snapshots of the
    first releases lack the type; what one of them lacks is not compared.
    """
    before, after = dict(_settings(old)), dict(_settings(new))
    return [
        FieldDifference(path, before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
        and path.partition(".")[0] in old.keys() & new.keys()
    ]


def code_diff(old: str, new: str, *, context: int = CONTEXT_LINES) -> list[DiffLine]:
    """Return the lines that differ with ``context`` equal lines around them.

    Equal texts give an empty list.
    """
    before, after = old.splitlines(), new.splitlines()
    groups = SequenceMatcher(None, before, after).get_grouped_opcodes(context)
    lines: list[DiffLine] = []
    reached = 0
    for group in groups:
        if group[0][1] > reached:
            lines.append(DiffLine("gap", None, None, ""))
        for opcode in group:
            lines += _lines(opcode, before, after)
        reached = group[-1][2]
    if lines and reached < len(before):
        lines.append(DiffLine("gap", None, None, ""))
    return lines


def runs_differently(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Tell whether two snapshots run something different."""
    return any(old[key] != new[key] for key in RUNS if key in old and key in new)


def trades_differently(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Tell whether two snapshots could trade differently: all but the thresholds."""

    def parts(of: Mapping[str, Any]) -> tuple[Any, ...]:
        return of["config"], without_live(of["freqtrade_config"]), of.get("type")

    return parts(old) != parts(new)


def _settings(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the settings of a snapshot with their paths; lists are compared whole."""
    for key, value in values.items():
        name = f"{path}{key}"
        if name == "config.code" or (not path and key not in RUNS):
            continue
        if isinstance(value, dict) and value:
            yield from _settings(value, f"{name}.")
        elif value != {}:
            yield name, value


def _lines(
    opcode: tuple[str, int, int, int, int], old: Sequence[str], new: Sequence[str]
) -> Iterator[DiffLine]:
    tag, old_from, old_to, new_from, new_to = opcode
    if tag == "equal":
        for offset, text in enumerate(old[old_from:old_to]):
            numbers = old_from + offset + 1, new_from + offset + 1
            yield DiffLine("same", *numbers, text)
        return
    for number, text in enumerate(old[old_from:old_to], old_from + 1):
        yield DiffLine("removed", number, None, text)
    for number, text in enumerate(new[new_from:new_to], new_from + 1):
        yield DiffLine("added", None, number, text)

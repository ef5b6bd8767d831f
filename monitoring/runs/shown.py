"""A run as a page shows it, in the reader's language."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _

from monitoring.runs.cache import run_read
from monitoring.runs.following import DONE, FAILED, RUNNING, SIGN_SECONDS, WAITING

if TYPE_CHECKING:
    from collections.abc import Mapping

# A worker that lives takes a run within seconds.
WAITS_LONG: Final = 15.0
JUST_NOW: Final = 20.0
LOST_AFTER: Final = 6 * SIGN_SECONDS
OF_TABLES: Final = re.compile(
    r"table (?P<number>\d+) of (?P<total>\d+) \((?P<name>.*?)\)(?:, (?P<size>.+))?"
)
OF_BYTES: Final = re.compile(r"([\d,.]+) ([kMG])B / ([\d,.]+) ([kMG])B")
UNITS: Final = {"k": 1, "M": 1000, "G": 1_000_000}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``seconds`` it took so far, ``percent`` of it that is done, if known."""

    title: str
    detail: str
    seconds: float
    percent: int | None
    is_last: bool


@dataclass(frozen=True, slots=True)
class Run:
    """What was asked for and how far it is; ``error`` is "" unless it failed.

    ``what`` is backup, trial or rotation; ``name`` the backup it is about, if known.
    """

    what: str
    state: str
    number: str
    by: str
    at: datetime
    seconds: float
    name: str
    steps: tuple[Step, ...]
    error: str
    unseen: float

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.state in {WAITING, RUNNING} and not self.is_lost

    @property
    def is_lost(self) -> bool:
        """Whether its worker has gone silent."""
        return self.state == RUNNING and self.unseen > LOST_AFTER

    @property
    def waits_long(self) -> bool:
        """Whether no worker takes it."""
        return self.state == WAITING and self.seconds > WAITS_LONG

    @property
    def failed(self) -> bool:
        """Whether it ended badly."""
        return self.state == FAILED

    @property
    def is_done(self) -> bool:
        """Whether it ended well."""
        return self.state == DONE

    @property
    def has_just_ended(self) -> bool:
        """Whether it ended well a moment ago, so that who waited for it is told."""
        return self.is_done and bool(self.number) and self.unseen < JUST_NOW


def run_shown(kind: str) -> Run | None:
    """Return the run of ``kind`` that goes on or has just ended."""
    values = run_read(kind)
    return None if values is None else _understood(values)


def run_is_open(values: Mapping[str, Any]) -> bool:
    """Tell whether a run as it was noted has not ended."""
    shown = _understood(values)
    return shown is not None and shown.is_open


def _understood(values: Mapping[str, Any]) -> Run | None:
    try:
        return _run(values, time.time())
    except (KeyError, TypeError, ValueError):
        # Written by another release.
        return None


def _run(values: Mapping[str, Any], now: float) -> Run:
    at = datetime.fromisoformat(values["at"])
    seen = float(values["seen"])
    ended = values["state"] in {DONE, FAILED}
    end = seen if ended else now
    found = values["steps"]
    starts = [*(float(step["at"]) for step in found), end]
    return Run(
        what=values["what"],
        state=values["state"],
        number=values["number"],
        by=values["by"],
        at=at,
        seconds=max(0.0, end - at.timestamp()),
        name=values.get("name", ""),
        steps=tuple(
            _step(step, starts[place + 1], is_last=place == len(found) - 1)
            for place, step in enumerate(found)
        ),
        error=values["error"],
        unseen=max(0.0, now - seen),
    )


def _step(step: Mapping[str, Any], end: float, *, is_last: bool) -> Step:
    told = str(step["detail"])
    detail, percent = _progress(told) if is_last else (_size(told), None)
    return Step(
        # The texts of steps are marked where they are said.
        title=_(str(step["title"])),
        detail=detail,
        seconds=max(0.0, end - float(step["at"])),
        percent=percent,
        is_last=is_last,
    )


def _progress(detail: str) -> tuple[str, int | None]:
    """Return a detail in the reader's language, and the percent that it tells."""
    if found := OF_TABLES.fullmatch(detail):
        number, total = int(found["number"]), int(found["total"])
        if not number:
            return found["size"] or "", 0
        text = _("table %(number)d of %(total)d (%(name)s)") % {
            "number": number,
            "total": total,
            "name": found["name"],
        }
        words = [text, found["size"]] if found["size"] else [text]
        return " · ".join(words), _percent(number, total)
    if found := OF_BYTES.fullmatch(detail):
        done, unit, total_text, total_unit = found.groups()
        return detail, _percent(_kilo(done, unit), _kilo(total_text, total_unit))
    return detail, None


def _size(detail: str) -> str:
    """Return what is worth knowing of a step that is over: how much it was."""
    if found := OF_TABLES.fullmatch(detail):
        return found["size"] or ""
    if found := OF_BYTES.fullmatch(detail):
        return f"{found[3]} {found[4]}B"
    return detail


def _kilo(number: str, unit: str) -> float:
    return float(number.replace(",", "")) * UNITS[unit]


def _percent(done: float, total: float) -> int | None:
    return min(100, round(100 * done / total)) if total else None

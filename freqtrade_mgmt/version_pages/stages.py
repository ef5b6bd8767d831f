"""The way of an operation as a row of stages with their times. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.utils.dateparse import parse_datetime

from freqtrade_mgmt.version_pages.words import INSTALL_STAGES, UPGRADE_STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

# Which step begins and which ends a stage of an upgrade.
BEGINS: Final = {
    "check": ("checking",),
    "backup": ("checked",),
    "canary": ("canary",),
    "watch": ("watching",),
    "move": ("watched",),
}
ENDS: Final = {
    "check": ("checked",),
    "backup": ("backed_up",),
    "canary": ("watching", "watched"),
    "watch": ("watched",),
    "move": ("completed",),
    "return": ("rolled_back",),
}
TURNS_BACK: Final = "back_"


@dataclass(frozen=True, slots=True)
class StageShown:
    """A stage: ``state`` is done, now, waiting, failed or skipped."""

    code: str
    label: str
    state: str
    at: datetime | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far an operation is: ``open`` while it has not ended, ``good`` if it has well."""

    open: bool
    good: bool
    now: datetime


def install_stages(
    steps: Sequence[Mapping[str, Any]], outcome: Outcome
) -> list[StageShown]:
    """Return the stages of an installation; what it begins anew counts from then."""
    began = _restarted(steps)
    known = [step for step in steps[began:] if step.get("step") in INSTALL_STAGES]
    order = list(INSTALL_STAGES)
    last = max((order.index(str(step["step"])) for step in known), default=-1)
    ended = _moment(steps[-1]) if steps and not outcome.open else outcome.now
    found = []
    for place, code in enumerate(order):
        at = next((_moment(step) for step in known if step["step"] == code), None)
        later = [_moment(step) for step in known if order.index(step["step"]) > place]
        until = min((moment for moment in later if moment), default=ended)
        state = _state(place - last, outcome)
        shown = at if state in {"done", "now", "failed"} else None
        found.append(
            StageShown(
                code, str(INSTALL_STAGES[code]), state, shown, _lasted(shown, until)
            )
        )
    return found


def upgrade_stages(
    steps: Sequence[Mapping[str, Any]], outcome: Outcome, *, only_check: bool
) -> list[StageShown]:
    """Return the stages of an upgrade; the way back is one only where it was begun."""
    turned = next(
        (
            _moment(step)
            for step in steps
            if str(step.get("step")).startswith(TURNS_BACK)
        ),
        None,
    )
    codes = ["check"] if only_check else [code for code in ENDS if code != "return"]
    found = [_upgrade_stage(code, steps, outcome, turned) for code in codes]
    if turned is not None:
        until = _first(steps, ENDS["return"])
        state = "now" if outcome.open else "done"
        lasted = _lasted(turned, until or outcome.now)
        label = str(UPGRADE_STAGES["return"])
        found.append(StageShown("return", label, state, turned, lasted))
    return found


def _upgrade_stage(
    code: str,
    steps: Sequence[Mapping[str, Any]],
    outcome: Outcome,
    turned: datetime | None,
) -> StageShown:
    label = str(UPGRADE_STAGES[code])
    at, end = _first(steps, BEGINS[code]), _first(steps, ENDS[code])
    over = turned is not None or not outcome.open
    if at is None or (code == "backup" and over and end is None):
        # The check may have ended it: then no copy was begun.
        return StageShown(code, label, "skipped" if over else "waiting")
    if end is not None:
        return StageShown(code, label, "done", at, _lasted(at, end))
    stop = turned or (_moment(steps[-1]) if not outcome.open else outcome.now)
    state = "failed" if over else "now"
    return StageShown(code, label, state, at, _lasted(at, stop))


def _state(distance: int, outcome: Outcome) -> str:
    if outcome.good:
        return "done"
    if distance < 0:
        return "done"
    if distance == 0:
        return "now" if outcome.open else "failed"
    return "waiting" if outcome.open else "skipped"


def _restarted(steps: Sequence[Mapping[str, Any]]) -> int:
    """Return from where on the steps count: what began again forgets what was before."""
    again = [
        place
        for place, step in enumerate(steps)
        if step.get("step") in {"begun", "taken_over"}
    ]
    return again[-1] if again else 0


def _first(
    steps: Iterable[Mapping[str, Any]], codes: tuple[str, ...]
) -> datetime | None:
    return next((_moment(step) for step in steps if step.get("step") in codes), None)


def _moment(step: Mapping[str, Any]) -> datetime | None:
    return parse_datetime(str(step.get("at") or ""))


def _lasted(begin: datetime | None, end: datetime | None) -> float | None:
    if begin is None or end is None:
        return None
    return max(0.0, (end - begin).total_seconds())

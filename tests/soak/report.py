"""The one report of a run: for people, and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN_DETAILS = 10
OK, FAILED, SKIPPED = "ok", "FAILED", "not judged"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that had to be true: ``result`` is OK, FAILED or SKIPPED."""

    name: str
    result: str
    told: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Growth:
    """How one quantity of one process grew; ``limit`` is what it may, an hour."""

    name: str
    unit: str
    last: float
    highest: float
    per_hour: float
    error: float
    limit: float
    minutes: float
    result: str


@dataclass(slots=True)
class Report:
    """Everything that is told about a run."""

    seed: int
    minutes: float
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Tell whether nothing failed, and something was looked at."""
        return bool(self.checks) and all(c.result != FAILED for c in self.checks)

    def json(self) -> str:
        """Return one JSON object on one line."""
        return json.dumps(asdict(self) | {"ok": self.ok}, default=str)

    def text(self) -> str:
        """Return the report in lines."""
        lines = [f"Soak of {self.minutes:g} minutes, seed {self.seed}", ""]
        lines += _faults(self.faults)
        lines += _facts(self.facts)
        lines += _growth(self.growth)
        for check in self.checks:
            lines.append(f"{check.result:>10}  {check.name}: {check.told}")
            lines += [f"{'':12}- {each}" for each in check.details[:SHOWN_DETAILS]]
            if (more := len(check.details) - SHOWN_DETAILS) > 0:
                lines.append(f"{'':12}- and {more} more")
        lines += ["", self._end()]
        return "\n".join(lines)

    def _end(self) -> str:
        if self.ok:
            return f"Nothing failed, in {self.seconds / 60:.1f} minutes."
        failed = ", ".join(c.name for c in self.checks if c.result == FAILED)
        again = f"Run it again with --seed {self.seed}."
        return f"FAILED: {failed or 'nothing was looked at'}. {again}"


def check(name: str, told: str, problems: Sequence[str]) -> Check:
    """Return a check that fails when there are problems, which are its details."""
    return Check(name, FAILED if problems else OK, told, tuple(problems))


def _faults(faults: Sequence[str]) -> list[str]:
    # Without the target and the seconds.
    counted = Counter(each.split(" (")[0].split(" for ")[0] for each in faults)
    lines = [f"{len(faults)} faults:"]
    lines += [f"  {count} x {kind}" for kind, count in sorted(counted.items())]
    return [*lines, ""]


def _facts(facts: dict[str, object]) -> list[str]:
    return [*(f"{name}: {value}" for name, value in facts.items()), ""]


def _growth(growth: Sequence[Growth]) -> list[str]:
    if not growth:
        return []
    head = f"{'growth':36}{'last':>10}{'most':>10}{'an hour':>12}{'+-':>9}{'limit':>9}"
    lines = [head]
    lines += [
        f"{each.name[:24]:25}{each.unit:11}{each.last:>10.1f}{each.highest:>10.1f}"
        f"{each.per_hour:>+12.2f}{each.error:>9.2f}{each.limit:>9.1f}"
        f"  {each.minutes:.0f} min, {each.result}"
        for each in sorted(growth, key=lambda g: (g.unit, g.name))
    ]
    return [*lines, ""]

"""What the logs say that must not be there, and what is worth a look."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from tests.soak.report import Check, check

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = re.compile(r"The task .+ broke\.|A live page broke\.")
TRACEBACK = "Traceback (most recent call last)"


def tracebacks(folder: Path) -> Counter[str]:
    """Count the tracebacks in each log; worth a look, and often just what was done."""
    found: Counter[str] = Counter()
    for path in sorted(folder.glob("*.log*")):
        if count := path.read_text(errors="replace").count(TRACEBACK):
            found[path.name] = count
    return found


def feed_check(folder: Path) -> Check:
    """Return the check that nothing of the live feed broke, by the web process's logs."""
    paths = sorted(folder.glob("web.log*"))
    broken = [
        f"{path.name}: {line.strip()[:200]}"
        for path in paths
        for line in path.read_text(errors="replace").splitlines()
        if BROKEN.search(line)
    ]
    problems = broken if paths else ["there is no web.log"]
    return check("live feed", f"{len(broken)} tasks and pages broke", problems)

"""Two parts that take the same advisory lock would wait for each other for no reason."""

from __future__ import annotations

import re
from collections import Counter

from tests.translatable import ROOT

NUMBERED = re.compile(r"= \(0x42544357, (\d+)\)")


def test_every_advisory_lock_has_a_number_of_its_own() -> None:
    numbers = Counter(
        number
        for path in ROOT.glob("*/**/*.py")
        if path.relative_to(ROOT).parts[0] not in ("tests", "var", ".venv")
        for number in NUMBERED.findall(path.read_text(encoding="utf-8"))
    )

    assert numbers
    assert [number for number, count in numbers.items() if count > 1] == []

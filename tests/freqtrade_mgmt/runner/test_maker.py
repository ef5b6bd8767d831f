"""The maker where the system refuses it another process, with real freqtrade."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.freqtrade_mgmt.runner.running import PROGRAM

if TYPE_CHECKING:
    from freqtrade_mgmt.installer import InstalledFreqtrade

pytestmark = [pytest.mark.freqtrade, pytest.mark.timeout(300)]
SCRIPT = Path(__file__).with_name("one_maker.py")


def test_a_maker_that_may_not_fork_says_so_and_goes_on(
    real_freqtrade: InstalledFreqtrade, tmp_path: Path
) -> None:
    done = subprocess.run(
        [str(real_freqtrade.python), "-I", "-B", str(SCRIPT), str(PROGRAM)],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["done"], one["ok"]) for one in said] == [(1, False), (2, False)]
    assert all("Resource temporarily unavailable" in one["message"] for one in said)

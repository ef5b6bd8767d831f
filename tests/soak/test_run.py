"""A soak of seconds, so that the long ones are sure to work."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from btc_watcher.env import BASE_DIR

if TYPE_CHECKING:
    from freqtrade_mgmt.installer import InstalledFreqtrade

pytestmark = [
    pytest.mark.freqtrade,
    pytest.mark.faults,
    pytest.mark.timeout(1200),
]

MINUTES, SEED = "0.5", "1"
CHECKED = {
    *("marks", "oracle", "posted signals", "notices", "strategies", "faults"),
    *("browser 1", "browser 2", "live feed"),
}


def test_a_short_soak_passes_every_check_and_leaves_nothing(
    real_freqtrade: InstalledFreqtrade,
) -> None:
    assert real_freqtrade.path.is_dir()
    command = [sys.executable, "-m", "tests.soak", "--minutes", MINUTES]
    command += ["--seed", SEED, "--browsers", "2", "--json"]
    done = subprocess.run(
        command, cwd=BASE_DIR, capture_output=True, text=True, check=False
    )

    assert done.stdout, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    wrong = [check for check in report["checks"] if check["result"] == "FAILED"]
    assert wrong == []
    assert {check["name"] for check in report["checks"]} >= CHECKED
    assert report["faults"]
    assert done.returncode == 0
    assert "Left running" not in done.stderr

"""A row is sent as freqtrade's own function writes it, to the letter."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.freqtrade_mgmt.runner.running import PROGRAM

if TYPE_CHECKING:
    from freqtrade_mgmt.installer import InstalledFreqtrade

pytestmark = [pytest.mark.freqtrade, pytest.mark.timeout(120)]
SCRIPT = Path(__file__).with_name("rows_written.py")


@pytest.fixture(scope="module")
def written(real_freqtrade: InstalledFreqtrade) -> dict[str, dict[str, Any]]:
    """What both ways wrote of many rows, by the row's name."""
    command = [str(real_freqtrade.python), "-I", "-B", str(SCRIPT), str(PROGRAM)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return {each["name"]: each for each in said}


def test_every_row_is_written_as_freqtrade_writes_it(
    written: dict[str, dict[str, Any]],
) -> None:
    assert len(written) > 100
    for name, each in written.items():
        assert each["ours"] == each["freqtrade"], name


def test_freqtrade_is_not_asked_again_about_rows_of_a_known_kind(
    written: dict[str, dict[str, Any]],
) -> None:
    again = [each for name, each in written.items() if name.startswith("usual, row")]

    assert again[0]["asked"] == 1
    assert [each["asked"] for each in again[5:]] == [0] * 5


@pytest.mark.parametrize(
    "kind", ["numbers of 32 bits", "lists", "times", "dates as index", "several rows"]
)
def test_what_is_not_plain_is_left_to_freqtrade(
    written: dict[str, dict[str, Any]], kind: str
) -> None:
    found = [each for name, each in written.items() if name.startswith(kind)]

    assert found
    assert all(each["asked"] == 1 for each in found)


def test_a_release_that_writes_otherwise_is_followed(
    written: dict[str, dict[str, Any]],
) -> None:
    for turn in range(2):
        each = written[f"another release, turn {turn}"]
        assert '"closed"' in each["ours"]
        assert each["ours"] == each["freqtrade"]

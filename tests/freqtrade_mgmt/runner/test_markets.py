"""How the markets differ from those that every process of a runner was forked with."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.freqtrade_mgmt.runner.running import PROGRAM

if TYPE_CHECKING:
    from freqtrade_mgmt.installer import InstalledFreqtrade

pytestmark = [pytest.mark.freqtrade, pytest.mark.timeout(600)]
SCRIPT: Final = Path(__file__).with_name("markets_told.py")


def market(active: bool = True, info: int = 0) -> dict[str, Any]:
    return {"active": active, "info": {"volume": info}}


OPENED: Final = {"A/B": market(), "C/D": market()}


@pytest.fixture
def told(real_freqtrade: InstalledFreqtrade, tmp_path: Path) -> Any:
    def told(*steps: Any) -> list[dict[str, Any]]:
        """Return what the feeder says at each step, and what a worker has then."""
        done = subprocess.run(
            [str(real_freqtrade.python), "-I", "-B", str(SCRIPT), str(PROGRAM)],
            input="".join(f"{json.dumps(step)}\n" for step in (OPENED, *steps)),
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    return told


def test_each_message_is_the_whole_difference_and_the_exchange_s_words_are_none(
    told: Any,
) -> None:
    halted = {**OPENED, "A/B": market(active=False, info=3)}
    fewer = {"A/B": market(active=False, info=5), "E/F": market()}
    answers = told(
        {**OPENED, "A/B": market(info=1)},
        halted,
        {**halted, "C/D": market(info=9)},
        fewer,
    )
    assert [answer["said"] for answer in answers] == [
        # The first is told even if it is nothing.
        {},
        {"A/B": halted["A/B"]},
        None,
        {"C/D": None, **fewer},
    ]
    assert answers[1]["has"] == halted
    assert answers[3]["has"] == fewer


def test_what_is_as_it_was_becomes_so_in_the_workers_too(told: Any) -> None:
    other = {"A/B": market(active=False), "E/F": market()}
    answers = told(other, OPENED)
    assert answers[0]["has"] == other
    assert answers[1] == {"said": {}, "has": OPENED}


def test_another_feeder_takes_back_what_the_one_before_it_has_told(told: Any) -> None:
    answers = told({**OPENED, "E/F": market()}, "new feeder", {**OPENED})
    assert [answer["said"] for answer in answers] == [{"E/F": market()}, {}]
    assert answers[1]["has"] == OPENED

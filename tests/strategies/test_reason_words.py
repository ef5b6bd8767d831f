"""The supervisor's reasons are read in Chinese too."""

from __future__ import annotations

import re

import pytest
from django.utils import translation

from freqtrade_mgmt.supervisor import hosting, hosting_process, hosting_runner, plan
from freqtrade_mgmt.supervisor.limits import refusal
from strategies.reason_words import reason_shown

REASONS = [
    *sorted(plan.ASKED),
    *(plan.end_in_words(code, "") for code in (None, 0, 2, -6, -9, -11, -15)),
    plan.end_in_words(-9, "", "it held 700 MB of memory and may hold 600 MB"),
    refusal("甲", [340, 360], 800),
    plan.verdict(
        plan.Cause.CRASH, [plan.End(1.0, plan.Cause.CRASH)] * 4, 2.0, "", 0
    ).reason,
    plan.Observed(1, plan.Phase.RUNNING, alive=True, proven=False, since=0).doubt,
    "the supervisor was stopped",
    "it analysed nothing in 120 s",
    "it did not stop in 15 s",
    "it does not answer",
    "freqtrade has put itself into the state stopped",
    hosting_process.MOVES.format(why=""),
    hosting_process.ENDED.format(why=plan.end_in_words(-9, "")),
    hosting_runner.GONE,
    hosting_runner.SILENT.format(seconds=30),
    hosting_runner.STUCK.format(strategy_id=7),
    plan.end_in_words(-9, "", hosting.TOO_MUCH.format(held=1600, most=1500)),
]
# What stays: units, names of settings, freqtrade and its states.
NAMES = re.compile(r"MB|BTCW_BOTS_MEMORY_MB|freqtrade|stopped|K ?线")


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_the_supervisor_is_translated(reason: str) -> None:
    with translation.override("zh-hans"):
        shown = reason_shown(reason)

    assert not re.search(r"[a-zA-Z]", NAMES.sub("", shown)), shown


def test_what_freqtrade_said_stays_as_it_is() -> None:
    reason = plan.end_in_words(2, "Could not load markets")
    with translation.override("zh-hans"):
        assert "Could not load markets" in reason_shown(reason)
    with translation.override("en"):
        assert reason_shown(reason) == reason

"""The supervisor's reasons are read in Chinese too."""

from __future__ import annotations

import re

import pytest
from django.utils import translation

from freqtrade_mgmt.runner import detect
from freqtrade_mgmt.supervisor import hosting, hosting_process, hosting_runner, plan
from freqtrade_mgmt.supervisor.hosting_without import RoomLaterError
from freqtrade_mgmt.supervisor.limits import refusal
from strategies.reason_words import reason_shown

REASONS = [
    *sorted(plan.ASKED),
    *(plan.end_in_words(code, "") for code in (None, 0, 2, -6, -9, -11, -15)),
    plan.end_in_words(-9, "", "it held 700 MB of memory and may hold 600 MB"),
    refusal("甲", [340, 360], 800),
    str(RoomLaterError(refusal("甲", [340, 360], 800))),
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


def of_config(**changes: object) -> str:
    usual = {
        "dry_run": True,
        "max_open_trades": 0,
        "exchange": {"enable_ws": False},
        "pairlists": [{"method": "StaticPairList"}],
    }
    return detect.of_config({**usual, **changes})


OF_RUNNERS = [
    of_config(freqai={"enabled": True}),
    of_config(external_message_consumer={"enabled": True}),
    of_config(telegram={"enabled": True}),
    of_config(dry_run=False),
    of_config(max_open_trades=3),
    of_config(exchange={}),
    of_config(exchange={"enable_ws": False, "use_public_trades": True}),
    of_config(pairlists=[{"method": "VolumePairList"}]),
    of_config(process_only_new_candles=False),
    *map(
        detect.of_source,
        (
            "import threading",
            "from freqtrade.persistence import Trade\n\nx = Trade.get_trades()",
            "self.dp.get_producer_df('BTC/USDT')",
            "import os\n\nos.chdir('/')",
            "import pandas as pd\n\npd.DataFrame.rolling = None",
        ),
    ),
    *(
        f"It changes what all share in a process ({what})."
        for what in (
            *("the folder that it runs in", "NumPy's handling of errors"),
            *("the locale", "pandas' options", "what is logged", "threads"),
        )
    ),
    "It imports helper.py only while it analyses.",
    "It has a module that nobody can read (helper.so).",
    "It needed 300 MB of memory; 250 MB are its share.",
    "It asked for more memory at once than its share of 250 MB.",
    "The analysis of BTC/USDT gave no result.",
    "The analysis of BTC/USDT took longer than 10 s, and was ended.",
    "Loading the strategy took longer than 30 s, and was ended.",
    "bot_loop_start took longer than 10 s, and was ended.",
    "The strategy ended the whole program (code 3).",
]
THEIR_NAMES = re.compile(
    r"MB|BTC/USDT|helper\.(py|so)|FreqAI|producer|pandas|NumPy|bot_loop_start"
    r"|process_only_new_candles|threading|Trade|get_producer_df|chdir"
    r"|pd\.DataFrame\.rolling|DataFrame\.rolling"
)


@pytest.mark.parametrize("reason", OF_RUNNERS)
def test_every_reason_of_a_shared_process_is_translated(reason: str) -> None:
    assert reason
    with translation.override("zh-hans"):
        shown = reason_shown(reason)

    rest = re.sub(r"K ?线", "", THEIR_NAMES.sub("", shown))
    assert not re.search(r"[a-zA-Z]", rest), shown


def test_what_freqtrade_said_stays_as_it_is() -> None:
    reason = plan.end_in_words(2, "Could not load markets")
    with translation.override("zh-hans"):
        assert "Could not load markets" in reason_shown(reason)
    with translation.override("en"):
        assert reason_shown(reason) == reason

"""From facts to a score with reasons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from freqtrade_mgmt.health.score import rate
from freqtrade_mgmt.health.shapes import (
    Answer,
    Facts,
    Life,
    LogFacts,
    Usage,
    staleness,
)

WELL = Facts(
    strategy_id=1,
    status="running",
    life=Life.ALIVE,
    answer=Answer.OK,
    bot_state="RUNNING",
    uptime_s=90_000,
    watched_s=90_000,
    heartbeat_age_s=5,
    last_process_age_s=3,
    candle_s=60,
    pairs={"BTC/USDT": 20, "ETH/USDT": 70},
    signals_24h=20,
    usual_24h=21.5,
    usage=Usage(cpu_s=100, rss_mb=330),
)
STOPPED = {"bot_state": "STOPPED"}
SILENT = {"answer": Answer.SILENT, "bot_state": ""}
NONE = {"life": Life.NONE, "answer": Answer.NOT_ASKED, "heartbeat_age_s": None}
STARTED = {"uptime_s": 20.0, "watched_s": 20.0}
NEVER: dict[str, Any] = {"pairs": {"BTC/USDT": None, "ETH/USDT": None}}
OLD: dict[str, Any] = {"pairs": {"BTC/USDT": 241, "ETH/USDT": 20}}
ALL_OLD: dict[str, Any] = {"pairs": {"BTC/USDT": 241, "ETH/USDT": 900}}


def test_a_strategy_with_nothing_wrong_has_a_hundred_and_no_reason() -> None:
    assert (rate(WELL).score, rate(WELL).level, rate(WELL).reasons) == (100, "good", ())


@pytest.mark.parametrize("status", ["stopped", "stopping"])
def test_what_nobody_wants_is_not_rated(status: str) -> None:
    assert rate(replace(WELL, status=status)).level == "none"


def test_what_was_given_up_is_bad_and_says_why() -> None:
    rating = rate(replace(WELL, status="error", reason="it crashed 5 times"))
    assert (rating.score, rating.level) == (0, "bad")
    assert rating.reasons[0].values == {"reason": "it crashed 5 times"}


@pytest.mark.parametrize(
    ("changes", "codes", "level"),
    [
        ({"life": Life.DEAD, "answer": Answer.NOT_ASKED}, ["not_alive"], "bad"),
        ({**NONE, "status": "starting"}, ["starting"], "fair"),
        ({**NONE, "status": "starting", "waited_s": 200.0}, ["not_started"], "bad"),
        ({"answer": Answer.STRANGER}, ["stranger"], "bad"),
        (SILENT, ["no_answer"], "bad"),
        ({**SILENT, **STARTED}, ["starting"], "fair"),
        (STOPPED, ["not_running"], "bad"),
        ({"bot_state": "PAUSED"}, ["not_running"], "bad"),
        ({"last_process_age_s": 121}, ["stands_still"], "fair"),
        ({"last_process_age_s": None}, [], "good"),
        ({"dropped": ("ETH/USDT",)}, ["pair_dropped"], "fair"),
        (OLD, ["stale"], "bad"),
        (ALL_OLD, ["stale"], "bad"),
        ({**OLD, "candle_s": 300.0}, [], "good"),
        ({**OLD, "candle_s": None}, [], "good"),
        ({**OLD, **STARTED}, [], "good"),
        ({**NEVER, **STARTED}, ["no_candles"], "fair"),
        (NEVER, ["stale"], "bad"),
        ({**OLD, "dropped": ("BTC/USDT",)}, ["pair_dropped"], "fair"),
        ({"heartbeat_age_s": 91}, ["supervisor_silent"], "fair"),
        ({"heartbeat_age_s": 89}, [], "good"),
        ({"signals_24h": 0}, ["quiet"], "good"),
        ({"signals_24h": 5}, ["few_signals"], "good"),
        ({"signals_24h": 0, "usual_24h": 4.9}, [], "good"),
        ({"signals_24h": 0, "usual_24h": None}, [], "good"),
        ({"signals_24h": 0, "watched_s": 80_000}, [], "good"),
        ({"cpu_percent": 81.0}, ["cpu"], "good"),
        ({"usage": Usage(1, 801)}, ["memory"], "good"),
        ({"log": LogFacts(errors=1, words="x")}, ["errors"], "good"),
        ({"log": LogFacts(errors=9, words="x")}, ["errors"], "fair"),
        ({"log": LogFacts(strategy_errors=1)}, ["strategy_fails"], "fair"),
        ({"log": LogFacts(exchange_errors=50)}, ["exchange_errors"], "good"),
        (
            {**ALL_OLD, "log": LogFacts(exchange_errors=50)},
            ["stale", "exchange_errors"],
            "bad",
        ),
        ({**STOPPED, "cpu_percent": 99.0}, ["not_running", "cpu"], "bad"),
    ],
)
def test_each_trouble_has_its_reason_and_its_weight(
    changes: dict[str, Any], codes: list[str], level: str
) -> None:
    rating = rate(replace(WELL, **changes))
    assert [reason.code for reason in rating.reasons] == codes
    assert rating.level == level
    assert rating.score == max(0, 100 - sum(each.cost for each in rating.reasons))


def test_a_stale_pair_among_many_costs_less_than_all_of_them() -> None:
    many = {f"P{number}/USDT": 20.0 for number in range(19)}
    one = rate(replace(WELL, pairs={**many, "BTC/USDT": 3600}))
    assert rate(replace(WELL, **ALL_OLD)).score < one.score < 80
    assert one.reasons[0].values == {
        "pair": "BTC/USDT",
        "minutes": 60,
        "count": 1,
        "pairs": 20,
    }


@pytest.mark.parametrize(
    ("changes", "known", "stale"),
    [
        ({}, True, ()),
        (OLD, True, ("BTC/USDT",)),
        # It was stopped for a day and started a moment ago.
        ({**OLD, **STARTED}, False, ()),
        ({**NEVER, "uptime_s": 100.0}, False, ()),
        (NEVER, True, ("BTC/USDT", "ETH/USDT")),
        # Restarts do not make an old candle new.
        ({**OLD, "uptime_s": 5.0}, True, ("BTC/USDT",)),
        ({"candle_s": None}, False, ()),
    ],
)
def test_a_pair_is_stale_when_it_was_watched_for_as_long(
    changes: dict[str, Any], known: bool, stale: tuple[str, ...]
) -> None:
    found = staleness(replace(WELL, **changes))
    assert (found.known, found.pairs) == (known, stale)

"""When a strategy is let go for what its analyses gave. No process is started."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from freqtrade_mgmt.runner.hosted import (
    FAILED,
    RAISED_LOOPS,
    RUNNING,
    Facts,
    Hosted,
    Order,
    Server,
)
from freqtrade_mgmt.runner.hub import Hub, Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from freqtrade_mgmt.runner.logs import OwnLog

PAIRS = ["BTC/USDT", "ETH/USDT"]
NOTHING = "The analysis of BTC/USDT gave no result."
DONE: dict[str, Any] = {"ok": True, "seconds": 0.01}
NOT_DONE: dict[str, Any] = {"ok": False, "seconds": 0.01, "message": NOTHING}


@pytest.fixture
async def hub() -> Hub:
    log = SimpleNamespace(line=str)
    return Hub("test", Settings(1, 250.0, 10.0), cast("OwnLog", log))


@pytest.fixture
def hosted(hub: Hub, tmp_path: Path) -> Hosted:
    server = Server("127.0.0.1", 1, "user", "password", "token")
    log = tmp_path / "freqtrade.log"
    one = Hosted(Order(7, "run", "", "", log, None, server, b""), since_ms=0)
    one.facts = Facts("1m", PAIRS, "spot", set(), 30, 1, False, False, True, {})
    one.state = RUNNING
    hub.hosted[one.id] = one
    return one


@pytest.fixture
def a_round(hub: Hub, hosted: Hosted) -> Callable[..., None]:
    def analysed(*answers: dict[str, Any]) -> None:
        """Let a new candle be analysed for each pair, with these answers."""
        hub.rounds.number += 1
        stamp = hub.rounds.number * 60_000
        for pair in PAIRS:
            hub.rounds.last[hosted.base_key(pair)] = stamp
        for pair, answer in zip(PAIRS, answers, strict=True):
            hub.results.analysed(hosted, pair, stamp)(answer, [])

    return analysed


async def test_what_was_done_is_never_counted(
    hosted: Hosted, a_round: Callable[..., None]
) -> None:
    for _ in range(2 * RAISED_LOOPS):
        a_round(DONE, DONE)
    assert (hosted.state, hosted.raised) == (RUNNING, 0)
    assert set(hosted.seen.values()) == {2 * RAISED_LOOPS * 60_000}


async def test_loops_without_any_result_are_counted_and_end_it_with_their_reason(
    hosted: Hosted, a_round: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "freqtrade_mgmt.runner")
    for number in range(1, RAISED_LOOPS):
        a_round(NOT_DONE, NOT_DONE)
        assert (hosted.state, hosted.raised) == (RUNNING, number)
    a_round(NOT_DONE, NOT_DONE)
    assert (hosted.state, hosted.error, hosted.message) == (FAILED, "raised", NOTHING)
    assert f"Strategy 7: failed. {NOTHING}" in caplog.messages
    assert f" - ERROR - {NOTHING}\n" in hosted.order.log.read_text()
    # It is let go beside.
    await asyncio.sleep(0)


async def test_one_loop_with_a_result_begins_the_count_anew(
    hosted: Hosted, a_round: Callable[..., None]
) -> None:
    for answers in ([NOT_DONE] * 2, [NOT_DONE] * 2, [DONE] * 2, [NOT_DONE] * 2):
        a_round(*answers)
    assert (hosted.state, hosted.raised) == (RUNNING, 1)


async def test_one_pair_without_result_beside_one_with_a_result_is_not_counted(
    hosted: Hosted, a_round: Callable[..., None]
) -> None:
    for _ in range(2 * RAISED_LOOPS):
        a_round(DONE, NOT_DONE)
    assert (hosted.state, hosted.raised) == (RUNNING, 0)


async def test_a_pair_without_candles_is_no_reason_to_bear_a_strategy_that_raises(
    hub: Hub, hosted: Hosted
) -> None:
    """Nothing was ever fetched for the second pair, so it is never analysed."""
    for number in range(1, RAISED_LOOPS + 1):
        assert hosted.state == RUNNING
        hub.rounds.number = number
        hub.rounds.last[hosted.base_key(PAIRS[0])] = number * 60_000
        hub.results.analysed(hosted, PAIRS[0], number * 60_000)(NOT_DONE, [])
    assert (hosted.state, hosted.error) == (FAILED, "raised")
    # It is let go beside.
    await asyncio.sleep(0)

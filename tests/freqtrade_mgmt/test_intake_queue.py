"""Between collectors and database: nothing dropped, whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError

from btc_watcher.lib.partitions import PartitionError
from freqtrade_mgmt.supervisor import intake as intake_module
from freqtrade_mgmt.supervisor.intake import IntakeQueue, Seen
from signals_app.models import Signal
from signals_app.services import signals_record
from strategies.models import Strategy
from tests.signals_app.factories import NOW, candidate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import redis

    from signals_app.candidates import Candidate

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def queue(redis_client: redis.Redis) -> AsyncIterator[IntakeQueue]:
    made = IntakeQueue()
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    made.close()


def seen(*pairs: str, strategy_id: int = 10**6) -> Seen:
    found = [candidate(pair=pair, timestamp=NOW) for pair in pairs]
    return Seen(strategy_id, dict.fromkeys(pairs, 1), found)


async def stored() -> set[str]:
    rows = Signal.objects.values_list("pair", flat=True)
    return {pair async for pair in rows.aiterator()}


@pytest.mark.parametrize("error", [OperationalError("gone"), PartitionError("locked")])
async def test_what_the_database_does_not_take_is_offered_again(
    queue: IntakeQueue, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    tries: list[int] = []

    def away_twice(candidates: list[Candidate]) -> Any:
        tries.append(len(candidates))
        if len(tries) < 3:
            raise error
        return signals_record(candidates, now=NOW)

    monkeypatch.setattr(intake_module, "RETRY_SECONDS", (0.01,))
    monkeypatch.setattr(intake_module, "signals_record", away_twice)

    await queue.submit(seen("BTC/USDT"))
    await asyncio.wait_for(queue.drain(), 10)

    assert await stored() == {"BTC/USDT"}
    assert tries == [1, 1, 1]


async def test_what_nobody_has_foreseen_costs_one_signal_and_not_the_batch(
    queue: IntakeQueue,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def picky(candidates: list[Candidate]) -> Any:
        if any(c.pair == "BAD/USDT" for c in candidates):
            raise RuntimeError("unforeseen")
        return signals_record(candidates, now=NOW)

    monkeypatch.setattr(intake_module, "signals_record", picky)

    await queue.submit(seen("A/USDT", "BAD/USDT", "C/USDT", "D/USDT"))
    await asyncio.wait_for(queue.drain(), 10)

    assert await stored() == {"A/USDT", "C/USDT", "D/USDT"}
    assert "BAD/USDT" in caplog.text


def all_failing(until_try: int, calls: list[int]) -> Any:
    """Return a signals_record that fails for whatever reason until a try."""

    def failing(candidates: list[Candidate]) -> Any:
        calls.append(len(candidates))
        if len(calls) < until_try:
            raise AttributeError("a setting that is missing")
        return signals_record(candidates, now=NOW)

    return failing


async def test_what_fails_for_every_signal_is_tried_again(
    queue: IntakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(intake_module, "RETRY_SECONDS", (0.01,))
    monkeypatch.setattr(intake_module, "signals_record", all_failing(9, calls))

    await queue.submit(seen("A/USDT", "B/USDT"))
    await asyncio.wait_for(queue.drain(), 10)

    assert await stored() == {"A/USDT", "B/USDT"}


async def test_candles_whose_signals_could_not_be_stored_are_fetched_again(
    queue: IntakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = await Strategy.objects.acreate(name="mine")
    monkeypatch.setattr(intake_module, "RETRY_SECONDS", (0.01,))
    monkeypatch.setattr(intake_module, "UNFORESEEN_TRIES", 2)
    monkeypatch.setattr(intake_module, "signals_record", all_failing(99, []))
    await queue.submit(seen("BTC/USDT", strategy_id=strategy.pk))
    await asyncio.wait_for(queue.drain(), 10)

    # Later ones are stored, and the cursor stays before what is missing.
    monkeypatch.setattr(intake_module, "signals_record", all_failing(0, []))
    await queue.submit(seen("ETH/USDT", strategy_id=strategy.pk))
    await asyncio.wait_for(queue.drain(), 10)

    assert await stored() == {"ETH/USDT"}
    kept = await Strategy.objects.aget(pk=strategy.pk)
    assert "last_candles" not in kept.health_metrics


async def test_a_large_batch_that_fails_whole_is_not_tried_one_by_one(
    queue: IntakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(intake_module, "UNFORESEEN_TRIES", 1)
    monkeypatch.setattr(intake_module, "RETRY_SECONDS", (0.01,))
    monkeypatch.setattr(intake_module, "signals_record", all_failing(9_999, calls))

    await queue.submit(seen(*(f"P{number}/USDT" for number in range(500))))
    await asyncio.wait_for(queue.drain(), 10)

    assert len(calls) < 50


async def test_the_newest_candles_are_remembered_after_the_signals(
    queue: IntakeQueue,
) -> None:
    strategy = await Strategy.objects.acreate(name="mine")

    await queue.submit(seen("BTC/USDT", strategy_id=strategy.pk))
    await asyncio.wait_for(queue.drain(), 10)

    kept = await Strategy.objects.aget(pk=strategy.pk)
    assert kept.health_metrics["last_candles"] == {"BTC/USDT": 1}

"""Ten strategies of real freqtrade in one process, on the simulated exchange."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async

from freqtrade_mgmt.demo import DEMO_STRATEGIES, demo_source
from signals_app.models import Signal
from strategies.services import strategy_create, strategy_start
from tests.freqtrade_mgmt.hosting.world import (
    hosted_again,
    hosted_in,
    note_of,
    now_of,
    rows_of,
    runners_of,
    signals_of,
    tidied,
)
from tests.freqtrade_mgmt.supervising import (
    adopted,
    supervising,
    supervisor_of_its_own,
    until,
)
from tests.local.helpers import is_gone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from strategies.models import Strategy

pytestmark = [
    pytest.mark.freqtrade,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("shared"),
]
FAILS = "        raise ValueError('boom')\n"


@pytest.fixture
def shared(system: None, settings: Any) -> Iterator[None]:
    """A home whose strategies share a process."""
    settings.RUNNERS = True
    with tidied(settings.BTCW_HOME):
        yield


def demos(count: int) -> list[Strategy]:
    """Make strategies of the demonstration, in turn, and ask for them."""
    made = []
    for number in range(count):
        chosen = DEMO_STRATEGIES[number % len(DEMO_STRATEGIES)]
        made.append(_made(f"{chosen.name} {number}", chosen, demo_source(chosen)))
    return made


def raising() -> Strategy:
    """Make one whose analysis raises, and ask for it."""
    chosen = DEMO_STRATEGIES[0]
    head, call, tail = demo_source(chosen).partition("def populate_indicators")
    first, line_end, rest = tail.partition(":\n")
    return _made("raises", chosen, f"{head}{call}{first}{line_end}{FAILS}{rest}")


def _made(name: str, chosen: Any, code: str) -> Strategy:
    strategy = strategy_create(
        name=name,
        config={
            "class_name": chosen.class_name,
            "code": code,
            "exchange": "simulated",
            "pairs": list(chosen.pairs[:2]),
            "timeframe": "1m",
        },
    )
    return strategy_start(strategy.pk)


def own_code_of(strategy: Strategy) -> str:
    """Return why the newest process of a strategy is its own."""
    rows = rows_of(strategy)
    return str(rows[-1].resource_usage.get("own") or "") if rows else ""


def signals_twice() -> int:
    """Count the candles of a strategy's pair that have one mark twice."""
    rows = Signal.objects.values_list(
        "strategy_id", "pair", "timestamp", "metadata__mark"
    )
    return len(rows) - len(set(rows))


async def test_ten_strategies_in_one_process_and_one_that_is_moved_out(
    tmp_path: Path,
) -> None:
    strategies = await sync_to_async(demos)(10)

    async with supervising():
        for each in strategies:
            await until(partial(hosted_in, each), "sharing", 120)
        rows = [await sync_to_async(now_of)(each) for each in strategies]
        assert len({row.pid for row in rows if row is not None}) == 1
        for each in strategies:
            await until(
                partial(signals_of, each),
                "signals",
            )
        bad = await sync_to_async(raising)()
        # As a bot it raises as well, and never runs.
        await until(partial(own_code_of, bad), "its own process", 300)
        assert await sync_to_async(own_code_of)(bad) == "raised"
        for each in strategies:
            assert await sync_to_async(hosted_in)(each)
            assert len(await sync_to_async(rows_of)(each)) == 1
            log = tmp_path / "bots" / str(each.pk) / "logs" / "freqtrade.log"
            assert log.exists()

    assert "boom" in (await sync_to_async(note_of)(bad))["words"]
    assert await sync_to_async(signals_twice)() == 0
    assert runners_of(tmp_path) == []


async def test_a_shared_process_outlives_a_killed_supervisor_and_is_adopted(
    settings: Any,
) -> None:
    strategies = await sync_to_async(demos)(3)
    with supervisor_of_its_own(settings):
        for each in strategies:
            await until(partial(hosted_in, each), "sharing", 120)
    left = [await sync_to_async(now_of)(each) for each in strategies]

    async with supervising():
        for each, row in zip(strategies, left, strict=True):
            taken = await adopted(each)
            assert row is not None
            assert (taken.pk, taken.pid) == (row.pk, row.pid)
            assert not is_gone(row.pid or 0)
        pid = left[0].pid if left[0] else 0
        os.kill(pid or 0, signal.SIGKILL)
        for each in strategies:
            await until(
                partial(hosted_again, each, 2),
                "again",
                120,
            )

    assert await sync_to_async(signals_twice)() == 0

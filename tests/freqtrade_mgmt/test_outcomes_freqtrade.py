"""Outcomes of signals of real freqtrade, against the exchange's own candles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from asgiref.sync import sync_to_async

from freqtrade_mgmt.outcomes.round import outcomes_round
from signals_app.models import (
    Outcome,
    OutcomeArrival,
    OutcomeDay,
    OutcomeWork,
    Signal,
)
from strategies.services import strategy_start
from tests.freqtrade_mgmt.supervising import demo, is_running, supervising, until

if TYPE_CHECKING:
    from freqtrade_mgmt.simulator import SimulatedExchange

pytestmark = [
    pytest.mark.freqtrade,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("system"),
]


def klines(exchange: SimulatedExchange, pair: str) -> dict[int, list[float]]:
    """Return high, low and close of the last minutes by open (ms), from the exchange."""
    answer = requests.get(
        f"{exchange.url}/klines",
        params={"symbol": pair.replace("/", ""), "interval": "1m", "limit": "500"},
        timeout=10,
    )
    return {int(row[0]): [float(x) for x in row[2:5]] for row in answer.json()}


def settled() -> list[Outcome]:
    """Do a round and return the outcomes that are final."""
    outcomes_round()
    return list(Outcome.objects.filter(state="complete"))


def wanted(outcome: Outcome, horizon: int, candles: dict[int, list[float]]) -> Any:
    start = int(outcome.timestamp.timestamp() * 1000)
    way = [candles[start + 60_000 * n] for n in range(horizon)]
    highest, lowest = max(bar[0] for bar in way), min(bar[1] for bar in way)
    up, down = (100 * (x / outcome.price - 1) for x in (highest, lowest))
    move = 100 * (way[-1][2] / outcome.price - 1)
    buys = outcome.signal_type == "BUY"
    return (
        pytest.approx(way[-1][2]),
        pytest.approx(move if buys else -move, abs=1e-4),
        pytest.approx(up if buys else -down, abs=1e-4),
        pytest.approx(down if buys else -up, abs=1e-4),
    )


async def test_signals_of_a_real_bot_are_judged_by_what_the_exchange_says(
    exchange: SimulatedExchange,
) -> None:
    strategy = await sync_to_async(demo)()
    await sync_to_async(strategy_start)(strategy.pk)
    async with supervising():
        await until(lambda: is_running(strategy), "running")
        # The first back-fill brings signals of the last hour, old ones among them.
        await until(Signal.objects.exists, "signals")
        found = await until(settled, "final outcomes", 120)
        await sync_to_async(_compare)(exchange, found)


def _compare(exchange: SimulatedExchange, found: list[Outcome]) -> None:
    candles = {
        pair: klines(exchange, pair) for pair in {outcome.pair for outcome in found}
    }
    for outcome in found:
        for horizon in (1, 4, 24):
            seen = tuple(
                getattr(outcome, f"{name}_{horizon}")
                for name in ("price", "move", "best", "worst")
            )
            assert seen == wanted(outcome, horizon, candles[outcome.pair])
            assert getattr(outcome, f"missing_{horizon}") == 0
    judged = Signal.objects.exclude(signal_type="HOLD").count()
    known = set(Outcome.objects.values_list("id", flat=True))
    waiting = set(OutcomeWork.objects.values_list("id", flat=True))
    arrived = OutcomeArrival.objects.values_list("ids", flat=True)
    waiting |= {each for ids in arrived for each in ids}
    # Every signal is open or has an outcome; one that grows is both.
    assert len(known | waiting) >= judged - 2
    assert sum(OutcomeDay.objects.values_list("count_24", flat=True)) >= len(found)

"""What becomes of outcomes when markets, bots and strategies change under them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from btc_watcher.lib.timeframes import duration
from freqtrade_mgmt.outcomes.deciding import REACH, decide
from freqtrade_mgmt.outcomes.following import window_of
from freqtrade_mgmt.outcomes.round import outcomes_round
from signals_app.models import Outcome, OutcomeWork, Signal
from signals_app.outcomes.judging import LONGEST
from signals_app.outcomes.opening import arrivals_open
from signals_app.outcomes.reading import waiting_reason
from signals_app.outcomes.shown import outcome_words
from strategies.models import Strategy
from tests.freqtrade_mgmt.candle_bot import CandleBot, candle_lasts, running, walk
from tests.freqtrade_mgmt.test_outcomes_following import CLOSED, START, candle, work
from tests.signals_app.outcome_rows import stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis

PAIR = "BTC/USDT"
FIVE_MS = 300_000
DAYS_AGO = 3
Rows = list[list[Any]]


@pytest.fixture
def mine(redis_client: redis.Redis, db: None) -> Strategy:
    """A running strategy on five minutes."""
    config = {"exchange": "simulated", "pairs": [PAIR], "timeframe": "5m"}
    made: Strategy = Strategy.objects.create(
        name="mine", status="running", config=config
    )
    return made


@pytest.fixture
def bot(settings: Any, tmp_path: Path, mine: Strategy) -> Iterator[CandleBot]:
    """Its bot, with candles of which the last has just closed."""
    settings.BTCW_HOME = tmp_path
    candle_lasts()
    answering = CandleBot(mine.pk)
    answering.candles[PAIR] = walk(300, "5m")
    with running(answering):
        answering.write_folder(tmp_path)
        yield answering


def signal_on(row: list[Any], strategy: Strategy) -> Any:
    """Record a signal of the candle ``row``; return its id."""
    closed = datetime.fromtimestamp(row[0] / 1000, UTC) + duration("5m")
    (identifier,) = stored(
        {
            "strategy_id": strategy.pk,
            "strategy_name": strategy.name,
            "timeframe": "5m",
            "timestamp": closed,
            "price": row[4],
        }
    )
    return identifier


def configured(strategy: Strategy, bot: CandleBot, home: Path, **changes: Any) -> None:
    """Change what a strategy watches; its bot is started anew with that."""
    strategy.config = strategy.config | changes
    strategy.save()
    bot.timeframe = strategy.config["timeframe"]
    bot.write_folder(home)


def look() -> None:
    """Run a round in which everything is due."""
    arrivals_open()
    OutcomeWork.objects.update(due_at=timezone.now(), claim=None)
    outcomes_round()


def words() -> str:
    """Return what the signal's page says of its outcome."""
    signal = Signal.objects.get()
    return outcome_words(signal, Outcome.objects.first(), waiting_reason(signal))


@pytest.mark.django_db(transaction=True)
def test_a_delisted_pair_keeps_what_was_seen_and_the_rest_is_not_known(
    bot: CandleBot, mine: Strategy
) -> None:
    # The bot still answers, with candles that end three days ago.
    rows = walk(300, "5m", now=time.time() - DAYS_AGO * 86_400)
    bot.candles[PAIR] = rows
    signal_on(rows[-3], mine)

    outcomes_round()

    found = Outcome.objects.get()
    assert (found.state, found.reason) == ("unknown", "late")
    assert (found.price_1, found.missing_1) == (rows[-2][4], 0)
    assert (found.price_4, found.best_4, found.missing_4) == (None, None, None)
    assert not OutcomeWork.objects.exists()
    assert words() == (
        "The rest will not be known: the bot answers, but lacks candles that have"
        " closed."
    )


@pytest.mark.django_db(transaction=True)
def test_a_pair_that_was_taken_out_of_the_strategy_says_that_nobody_watches_it(
    bot: CandleBot, mine: Strategy, tmp_path: Path
) -> None:
    rows = bot.candles[PAIR]
    signal_on(rows[-6], mine)
    bot.candles[PAIR] = rows[:-4]
    look()
    configured(mine, bot, tmp_path, pairs=["ETH/USDT"])

    look()

    assert OutcomeWork.objects.get().reason == "nobody"
    assert words() == (
        "It waits for candles: no strategy watches this pair in fitting candles."
    )
    assert Outcome.objects.get().price_1 == rows[-5][4]


@pytest.mark.django_db(transaction=True)
def test_shorter_candles_of_a_changed_strategy_fill_what_is_open(
    bot: CandleBot, mine: Strategy, tmp_path: Path
) -> None:
    signal_on(bot.candles[PAIR][-30], mine)
    minutes = walk(300, "1m", seed=3)
    bot.candles[PAIR] = minutes
    configured(mine, bot, tmp_path, timeframe="1m")

    outcomes_round()

    found = Outcome.objects.get()
    closed = int(found.timestamp.timestamp() * 1000)
    parts = [row for row in minutes if closed <= row[0] < closed + 4 * FIVE_MS]
    assert len(parts) == 20
    assert (found.price_4, found.missing_4) == (parts[-1][4], 0)
    highest = max(row[2] for row in parts)
    assert found.best_4 == pytest.approx(100 * (highest / found.price - 1), abs=1e-5)
    assert found.state == "complete"


@pytest.mark.django_db(transaction=True)
def test_longer_candles_of_a_changed_strategy_fill_nothing_and_it_is_told(
    bot: CandleBot, mine: Strategy, tmp_path: Path
) -> None:
    rows = walk(300, "5m", now=time.time() - DAYS_AGO * 86_400)
    signal_on(rows[-3], mine)
    bot.candles[PAIR] = walk(300, "1h")
    configured(mine, bot, tmp_path, timeframe="1h")

    outcomes_round()

    found = Outcome.objects.get()
    assert (found.state, found.reason) == ("unknown", "nobody")
    assert [found.missing_1, found.missing_4, found.missing_24] == [None] * 3
    assert "no strategy watches this pair" in words()


@pytest.mark.django_db(transaction=True)
def test_after_a_restart_that_lost_candles_what_was_known_stays(
    bot: CandleBot, mine: Strategy
) -> None:
    rows = bot.candles[PAIR]
    signal_on(rows[-30], mine)
    bot.candles[PAIR] = rows[:-20]
    look()
    assert Outcome.objects.get().state == "open"

    bot.candles[PAIR] = rows[-15:]
    look()

    found = Outcome.objects.get()
    assert (found.price_4, found.missing_4) == (rows[-26][4], 0)
    assert (found.state, found.reason) == ("gaps", REACH)
    assert (found.price_24, found.missing_24) == (rows[-6][4], 14)


@pytest.mark.django_db(transaction=True)
def test_candles_that_come_hours_late_are_filled_in(
    bot: CandleBot, mine: Strategy
) -> None:
    rows = bot.candles[PAIR]
    signal_on(rows[-60], mine)
    bot.candles[PAIR] = rows[:-59]
    look()
    assert not Outcome.objects.exists()
    assert OutcomeWork.objects.get().reason == "late"

    # First with a hole, which is an outage of the exchange's and not yet for good.
    bot.candles[PAIR] = [row for row in rows[:-40] if row is not rows[-57]]
    look()
    found = Outcome.objects.get()
    assert (found.state, found.missing_1, found.missing_4) == ("open", 0, 1)

    bot.candles[PAIR] = rows
    look()
    found = Outcome.objects.get()
    assert (found.state, found.missing_4, found.missing_24) == ("complete", 0, 0)
    assert found.price_24 == rows[-36][4]


# -- Whatever a bot shows, and whenever ------------------------------------------
@given(
    looks=st.lists(
        st.tuples(
            st.integers(0, 40 * 300),  # seconds after the signal
            st.integers(-30, 30),  # the first candle that the bot holds
            st.integers(0, 60),  # the newest: also one that has not closed
            st.sets(st.integers(0, 40), max_size=12),  # those that it lacks
        ),
        min_size=1,
        max_size=6,
    ),
    odd=st.integers(0, 299),
)
def test_nothing_is_ever_known_before_its_candle_has_closed(
    looks: list[tuple[int, int, int, set[int]]], odd: int
) -> None:
    """Candle n closes at 101 + n; before it has closed its price is absurd.

    ``odd`` are seconds by which a posted signal's time is no close of a candle.
    """
    mine = work(timestamp=CLOSED + timedelta(seconds=odd))
    begin = 1 if odd else 0
    for seconds, first, newest, lacking in sorted(looks, key=lambda each: each[0]):
        now = CLOSED + timedelta(seconds=odd + seconds)
        passed = odd + seconds
        rows = [
            candle(START + n * FIVE_MS, 101.0 + n if (n + 1) * 300 <= passed else 1e9)
            for n in range(first, newest + 1)
            if n not in lacking
        ]
        window = window_of(rows, "5m", "5m", int(now.timestamp() * 1000))

        verdict = decide(mine, window, "", now)

        assert len(verdict.bars) <= min(max(passed // 300 - begin, 0), LONGEST)
        for place, bar in enumerate(verdict.bars, begin):
            assert bar is None or bar.close == 101.0 + place
            # Missing is only what the bot has not got, and never made up.
            shown = first <= place <= newest and place not in lacking
            assert (bar is not None) == shown
        mine = mine._replace(
            known=max(h for h in (0, 1, 4, 24) if h <= verdict.reached)
        )

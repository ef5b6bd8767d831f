"""Rounds on bots that answer from loopback: read once, written once, patient."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from btc_watcher.lib.timeframes import duration
from freqtrade_mgmt.outcomes import round as round_module
from freqtrade_mgmt.outcomes.past import past_fill
from freqtrade_mgmt.outcomes.round import batch_fill, outcomes_round
from freqtrade_mgmt.tasks import fill_outcomes
from signals_app.models import (
    Outcome,
    OutcomeArrival,
    OutcomeDay,
    OutcomeWork,
    Signal,
)
from signals_app.outcomes.opening import arrivals_open
from signals_app.outcomes.work import CLAIM_SECONDS
from strategies.models import Strategy
from tests.freqtrade_mgmt.candle_bot import CandleBot, candle_lasts, running, walk
from tests.signals_app.outcome_rows import stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis

pytestmark = pytest.mark.django_db(transaction=True)
PAIR = "BTC/USDT"
MINUTES = 5
Rows = list[list[Any]]


@pytest.fixture(autouse=True)
def _fresh(redis_client: redis.Redis) -> None:
    """Nothing is kept from the test before."""


@pytest.fixture
def strategy() -> Strategy:
    """A running strategy on five minutes."""
    return make_strategy("mine")


def make_strategy(
    name: str, status: str = "running", timeframe: str = "5m"
) -> Strategy:
    config = {"exchange": "simulated", "pairs": [PAIR], "timeframe": timeframe}
    return Strategy.objects.create(name=name, status=status, config=config)


@pytest.fixture
def bot(settings: Any, tmp_path: Path, strategy: Strategy) -> Iterator[CandleBot]:
    """Its bot, with 300 candles of which the last has just closed."""
    settings.BTCW_HOME = tmp_path
    candle_lasts()
    answering = CandleBot(strategy.pk)
    answering.candles[PAIR] = walk(300, "5m")
    with running(answering):
        answering.write_folder(tmp_path)
        yield answering


def signal_at(rows: Rows, place: int, strategy: Strategy, **changes: Any) -> Any:
    """Record a signal on candle ``place`` of rows; return its id."""
    opened, *_prices, close, _volume = rows[place]
    closed = datetime.fromtimestamp(opened / 1000, UTC) + duration("5m")
    plain = {
        "strategy_id": strategy.pk,
        "strategy_name": strategy.name,
        "timeframe": "5m",
        "timestamp": closed,
        "price": close,
    }
    (identifier,) = stored({**plain, **changes})
    return identifier


def due_now() -> None:
    arrivals_open()
    OutcomeWork.objects.update(due_at=timezone.now(), claim=None)


def expected(rows: Rows, place: int, horizon: int) -> dict[str, Any]:
    """Return what is right for a buy, computed in another way."""
    price = rows[place][4]
    after = rows[place + 1 : place + 1 + horizon]
    return {
        f"price_{horizon}": pytest.approx(after[-1][4]),
        f"move_{horizon}": pytest.approx(
            100 * (after[-1][4] - price) / price, abs=1e-5
        ),
        f"best_{horizon}": pytest.approx(
            100 * (max(row[2] for row in after) - price) / price, abs=1e-5
        ),
        f"worst_{horizon}": pytest.approx(
            100 * (min(row[3] for row in after) - price) / price, abs=1e-5
        ),
        f"missing_{horizon}": 0,
    }


def test_an_old_signal_is_judged_whole_in_one_round(
    bot: CandleBot, strategy: Strategy
) -> None:
    rows = bot.candles[PAIR]
    signal_at(rows, 250, strategy)

    figures = outcomes_round()

    assert (figures.looked, figures.written, figures.final) == (1, 1, 1)
    found: dict[str, Any] = dict(Outcome.objects.values().get())
    for horizon in (1, 4, 24):
        wanted = expected(rows, 250, horizon)
        assert {name: found[name] for name in wanted} == wanted
    assert found["state"] == "complete"
    assert not OutcomeWork.objects.exists()
    assert OutcomeDay.objects.get().count_24 == 1
    assert bot.asked == 1


def test_candles_that_have_not_closed_are_not_looked_at(
    bot: CandleBot, strategy: Strategy
) -> None:
    rows = bot.candles[PAIR]
    length = MINUTES * 60_000
    # What no bot should have: the candle that still forms, and one of the future.
    forming = rows[-1][0] + length
    future = [[forming + n * length, 1e6, 1e6, 1e6, 1e6, 1.0] for n in range(2)]
    signal_at(rows, -3, strategy)
    bot.candles[PAIR] = [*rows, *future]

    batch_fill()

    found = Outcome.objects.get()
    assert (found.state, found.missing_1, found.missing_4) == ("open", 0, None)
    assert found.best_1 is not None
    assert found.best_1 < 50
    assert OutcomeWork.objects.get().due_at > timezone.now()


def test_an_outcome_grows_as_candles_arrive(bot: CandleBot, strategy: Strategy) -> None:
    rows = bot.candles[PAIR]
    signal_at(rows, 200, strategy)
    seen = []
    for known in (200, 201, 203, 204, 224, 299):
        bot.candles[PAIR] = rows[: known + 1]
        due_now()
        outcomes_round()
        outcome = Outcome.objects.first()
        seen.append(
            [
                n
                for n in (1, 4, 24)
                if getattr(outcome, f"missing_{n}", None) is not None
            ]
        )
    assert seen == [[], [1], [1], [1, 4], [1, 4, 24], [1, 4, 24]]
    assert Outcome.objects.get().state == "complete"


def test_many_signals_of_a_market_cost_one_request(
    bot: CandleBot, strategy: Strategy
) -> None:
    rows = bot.candles[PAIR]
    for place in range(200, 240):
        signal_at(rows, place, strategy)
        signal_at(rows, place, strategy, mark="exit_long", signal_type="SELL")

    figures = outcomes_round()

    assert (figures.looked, figures.final, figures.markets) == (80, 80, 1)
    assert bot.asked == 1
    assert "limit=" in bot.requests[-1]
    # No more than is needed: not the 5,000 that a chart wants.
    asked = int(bot.requests[-1].partition("limit=")[2].partition("&")[0])
    assert 99 <= asked <= 105
    bought, sold = Outcome.objects.order_by("timestamp", "signal_type")[:2]
    assert bought.move_24 == -sold.move_24
    assert (bought.best_4, bought.worst_4) == (-sold.worst_4, -sold.best_4)
    assert sold.is_exit


def test_a_gap_in_the_bots_candles_is_marked_and_no_price_invented(
    bot: CandleBot, strategy: Strategy
) -> None:
    rows = bot.candles[PAIR]
    signal_at(rows, 200, strategy)
    bot.candles[PAIR] = [row for n, row in enumerate(rows) if n not in (201, 210)]

    outcomes_round()

    found = Outcome.objects.get()
    assert (found.state, found.price_1, found.move_1) == ("gaps", None, None)
    assert (found.missing_1, found.missing_4, found.missing_24) == (1, 1, 2)
    assert found.price_4 == rows[204][4]


def test_a_late_candle_closes_its_gap(bot: CandleBot, strategy: Strategy) -> None:
    rows = bot.candles[PAIR]
    signal_at(rows, -8, strategy)
    bot.candles[PAIR] = [row for n, row in enumerate(rows) if n != len(rows) - 7]
    batch_fill()
    assert Outcome.objects.get().price_1 is None

    bot.candles[PAIR] = rows
    due_now()
    batch_fill()

    found = Outcome.objects.get()
    assert (found.price_1, found.missing_1) == (rows[-7][4], 0)
    assert (found.missing_4, found.state) == (0, "open")


def test_a_corrected_candle_is_taken_over_until_all_is_final(
    bot: CandleBot, strategy: Strategy
) -> None:
    rows = bot.candles[PAIR]
    # Its 24th candle has just closed: one more look is to come.
    signal_at(rows, -25, strategy)
    batch_fill()
    first = Outcome.objects.get()
    assert (first.state, first.price_24) == ("open", rows[-1][4])

    rows[-1][4] = rows[-1][2] = rows[-1][2] * 1.01
    due_now()
    batch_fill()

    assert Outcome.objects.get().price_24 == pytest.approx(rows[-1][4])
    assert OutcomeDay.objects.count() == 0  # a round of its own sums up
    outcomes_round()
    assert OutcomeDay.objects.get().count_24 == 1


def test_killed_in_the_middle_it_goes_on_where_it_was(
    bot: CandleBot, strategy: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal_at(bot.candles[PAIR], 200, strategy)
    with monkeypatch.context() as patch:
        # Killed between reading and writing.
        def killed(**_what: Any) -> None:
            raise KeyboardInterrupt

        patch.setattr(round_module, "work_settle", killed)
        with pytest.raises(KeyboardInterrupt):
            batch_fill()
    assert not Outcome.objects.exists()
    # Its claim still holds: nobody else works on it yet.
    assert outcomes_round().looked == 0

    later = timezone.now() + timedelta(seconds=CLAIM_SECONDS + 1)
    monkeypatch.setattr("freqtrade_mgmt.outcomes.round.timezone.now", lambda: later)
    figures = outcomes_round()

    assert (figures.looked, figures.final) == (1, 1)
    assert Outcome.objects.get().state == "complete"


def test_two_workers_at_once_write_each_outcome_once(
    bot: CandleBot, strategy: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = bot.candles[PAIR]
    for place in range(100, 220):
        signal_at(rows, place, strategy)
    monkeypatch.setattr(round_module, "BATCH", 10)
    gate = threading.Barrier(3)

    def work(_number: int) -> int:
        try:
            gate.wait(10)
            return outcomes_round(seconds=60).written
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        written = list(pool.map(work, range(3)))
    written.append(outcomes_round().written)

    assert sum(written) == 120
    assert Outcome.objects.filter(state="complete").count() == 120
    assert not OutcomeWork.objects.exists()
    assert sum(OutcomeDay.objects.values_list("count_24", flat=True)) == 120


def test_another_strategys_bot_helps_out(bot: CandleBot) -> None:
    rows = bot.candles[PAIR]
    stopped = make_strategy("stopped", "stopped")
    signal_at(rows, 200, stopped)
    # Posted by others, on longer candles, under a name that is no strategy of ours.
    hour = next(n for n in range(100, 130) if (rows[n][0] + 300_000) % 3_600_000 == 0)
    signal_at(
        rows,
        hour,
        stopped,
        strategy_id=None,
        strategy_name="tradingview",
        timeframe="1h",
        mark="BUY",
    )

    assert outcomes_round().written == 2

    own, posted = Outcome.objects.order_by("strategy_id")
    assert own.state == "complete"
    assert posted.price_1 == rows[hour + 12][4]
    assert posted.price_4 == rows[hour + 48][4]


def test_a_signal_that_nobody_can_fill_waits_and_is_closed_in_the_end(
    bot: CandleBot, strategy: Strategy
) -> None:
    rows = bot.candles[PAIR]
    signal_at(rows, 280, strategy, pair="DOGE/USDT")
    outcomes_round()
    work = OutcomeWork.objects.get()
    assert (work.reason, work.tries) == ("nobody", 1)
    assert timezone.now() < work.due_at < timezone.now() + timedelta(minutes=1)
    assert not Outcome.objects.exists()

    long_ago = timezone.now().replace(minute=0, second=0) - timedelta(days=20)
    signal_at(rows, 280, strategy, pair="DOGE/USDT", timestamp=long_ago)
    outcomes_round()
    found = Outcome.objects.get()
    assert (found.state, found.reason) == ("unknown", "nobody")
    assert OutcomeWork.objects.count() == 1


def test_a_bot_that_is_away_costs_nothing_but_time(
    bot: CandleBot, strategy: Strategy, tmp_path: Path
) -> None:
    rows = bot.candles[PAIR]
    signal_at(rows, 280, strategy)
    bot.name = "somebody else"
    outcomes_round()
    assert OutcomeWork.objects.get().reason == "silent"

    bot.name = f"btcw-{strategy.pk}"
    due_now()
    outcomes_round()
    assert Outcome.objects.get().missing_4 == 0
    assert OutcomeWork.objects.get().tries == 0


def test_what_the_bot_holds_no_more_is_closed_with_that_reason(
    bot: CandleBot, strategy: Strategy
) -> None:
    rows = bot.candles[PAIR]
    signal_at(rows, 10, strategy)
    bot.candles[PAIR] = rows[200:]

    outcomes_round()

    found = Outcome.objects.get()
    assert (found.state, found.reason) == ("unknown", "reach")


def test_the_task_reports_numbers(bot: CandleBot, strategy: Strategy) -> None:
    signal_at(bot.candles[PAIR], 200, strategy)
    assert fill_outcomes() == {
        "looked": 1,
        "written": 1,
        "final": 1,
        "markets": 1,
        "days": 1,
    }


def command(*arguments: str) -> str:
    output = StringIO()
    call_command("outcomes_fill", *arguments, stdout=output, stderr=StringIO())
    return output.getvalue()


def test_the_past_is_filled_by_the_command(bot: CandleBot, strategy: Strategy) -> None:
    rows = bot.candles[PAIR]
    for place in range(100, 130):
        signal_at(rows, place, strategy)
    # As it was before the ledger existed.
    OutcomeArrival.objects.all().delete()
    since = (timezone.now() - timedelta(days=3)).isoformat()

    found = json.loads(command("--from", since, "--batch", "7", "--json"))

    seconds = found.pop("seconds")
    assert seconds > 0
    assert found == {"read": 30, "opened": 30, "written": 30, "final": 30}
    assert sum(OutcomeDay.objects.values_list("count_24", flat=True)) == 30
    assert "30 signals read, 0 had no outcome" in command("--from", since)
    assert "0 signals read" in command(
        "--from", since, "--strategy", make_strategy("other").name
    )


def test_the_command_looks_again_where_it_was_unknown(
    bot: CandleBot, strategy: Strategy
) -> None:
    rows = bot.candles[PAIR]
    signal_at(rows, 100, strategy)
    bot.candles[PAIR] = rows[250:]
    outcomes_round()
    assert Outcome.objects.get().state == "unknown"

    bot.candles[PAIR] = rows
    since = (timezone.now() - timedelta(days=3)).isoformat()
    assert "0 had no outcome" in command("--from", since)
    assert "1 of them final" in command("--from", since, "--again")
    assert Outcome.objects.get().state == "complete"
    assert Signal.objects.count() == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "yesterday"), "'yesterday' is no time"),
        (("--from", "2026-11-02", "--to", "2026-11-01"), "is empty"),
        (("--from", "2026-11-01", "--strategy", "nobody"), "no strategy 'nobody'"),
        (("--from", "2026-11-01", "--batch", "0"), "give 1 to 2000"),
    ],
)
def test_the_command_refuses_nonsense_with_a_sentence(
    arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        command(*arguments)


def test_the_help_of_the_command_has_an_example(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        call_command("outcomes_fill", "--help")
    shown = capsys.readouterr().out
    assert "manage.py outcomes_fill --from 2026-10-01 --to 2026-11-01 --json" in shown


def test_filling_the_past_stops_between_batches(
    bot: CandleBot, strategy: Strategy
) -> None:
    rows = bot.candles[PAIR]
    for place in range(100, 110):
        signal_at(rows, place, strategy)
    OutcomeArrival.objects.all().delete()
    since, until = timezone.now() - timedelta(days=3), timezone.now()

    def steps() -> Any:
        return past_fill(since=since, until=until, batch=4)

    interrupted = steps()
    assert next(interrupted).read == 4
    interrupted.close()
    assert Outcome.objects.count() == 4
    *_earlier, last = steps()
    assert (last.read, last.opened) == (10, 6)
    assert Outcome.objects.count() == 10


def test_two_thousand_signals_are_filled_within_a_round(
    bot: CandleBot, strategy: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = bot.candles[PAIR]
    closed = datetime.fromtimestamp(rows[200][0] / 1000, UTC) + duration("5m")
    own = {"strategy_id": strategy.pk, "strategy_name": "mine", "timeframe": "5m"}
    stored(
        *[
            {
                **own,
                "timestamp": closed,
                "price": rows[200][4],
                "mark": f"enter_long {n}",
            }
            for n in range(2_000)
        ]
    )
    began = time.monotonic()

    figures = outcomes_round()

    assert (figures.looked, figures.final) == (2_000, 2_000)
    assert bot.asked == 1
    # A second or two on a quiet machine.
    assert time.monotonic() - began < 25

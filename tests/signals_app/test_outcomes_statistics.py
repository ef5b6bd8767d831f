"""Hit rates from rows and from days: the same figures, in bounded questions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from btc_watcher.lib.statements import rows_of
from signals_app.models import Outcome, OutcomeDay
from signals_app.outcomes import questions, statistics
from signals_app.outcomes.asking import statistics_of
from signals_app.outcomes.statistics import StatisticsFilter, statistics_read
from strategies.models import Strategy
from tests.signals_app.factories import NOW
from tests.signals_app.outcome_rows import judged, path, stored

if TYPE_CHECKING:
    import redis

pytestmark = pytest.mark.django_db(transaction=True)
PRICE = 63_210.5
WEEK = StatisticsFilter(since=date(2026, 11, 14), until=date(2026, 11, 21))


@pytest.fixture(autouse=True)
def _fresh(redis_client: redis.Redis) -> None:
    """Nothing is kept from the test before."""


@pytest.fixture
def mine() -> Strategy:
    """A strategy with ten strong buys, four weak sells, and one that was posted."""
    strategy = Strategy.objects.create(name="mine")
    own = {"strategy_id": strategy.pk, "strategy_name": "mine"}
    buys = [{**own, "timestamp": NOW - timedelta(hours=9 * n)} for n in range(10)]
    sells = [
        {
            **own,
            "timestamp": NOW - timedelta(hours=n),
            "signal_type": "SELL",
            "mark": "exit_long",
            "strength": 30.0,
            "pair": "ETH/USDT",
        }
        for n in range(4)
    ]
    ids = stored(*buys, *sells, {"strategy_name": "posted"}, now=NOW)
    for n, identifier in enumerate(ids[:10]):
        # Seven are right; their moves are 1 to 7 percent, the wrong ones -1 to -3.
        move = float(n + 1) if n < 7 else float(6 - n)
        judged([identifier], path(PRICE, move))
    judged(ids[10:13], path(PRICE, -0.5))
    judged(ids[13:14], [], reason="silent")
    judged(ids[14:], [None, *path(PRICE, 2.0)[1:]])
    return strategy


def figures(wanted: StatisticsFilter = WEEK, by: str = "level") -> dict[Any, Any]:
    return {(row.strategy, row.key): row for row in statistics_read(wanted, by).rows}


def test_a_row_has_counts_shares_and_moves(mine: Strategy) -> None:
    found = figures()

    strong = found["mine", "strong"].horizons[24]
    assert (strong.count, strong.right, strong.rate) == (10, 7, 0.7)
    assert strong.low == pytest.approx(0.3968, abs=1e-4)
    assert strong.high == pytest.approx(0.8922, abs=1e-4)
    assert strong.mean == pytest.approx(2.2)
    assert strong.median == pytest.approx(2.5)
    weak = found["mine", "weak"]
    assert (weak.signals, weak.unknown, weak.horizons[1].count) == (4, 1, 3)
    # A sell is right when the price falls.
    assert weak.horizons[1].rate == 1.0


def test_a_gap_is_no_price_and_not_counted(mine: Strategy) -> None:
    row = figures()["posted", "strong"]
    assert row.strategy_id is None
    assert row.horizons[1].count == 0
    assert row.horizons[1].rate is row.horizons[1].low is row.horizons[1].mean is None
    assert row.horizons[4].count == 1


@pytest.mark.parametrize("by", ["level", "direction"])
def test_days_and_rows_give_the_same_figures(
    mine: Strategy, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = statistics_read(WEEK, by)
    monkeypatch.setattr(statistics, "ROWS", 0)
    summed = statistics_read(WEEK, by)

    assert exact.exact
    assert not summed.exact
    for one, other in ((exact.rows, summed.rows), (exact.total, summed.total)):
        assert len(one) == len(other)
        for mine_, theirs in zip(one, other, strict=True):
            for horizon, figure in mine_.horizons.items():
                near = theirs.horizons[horizon]
                assert replace(near, median=figure.median) == figure
                if figure.median is not None and near.median is not None:
                    wide = max(0.05, abs(figure.median) / 2)
                    assert abs(near.median - figure.median) <= wide
            assert replace(theirs, horizons={}) == replace(mine_, horizons={})


def test_what_is_asked_for_narrows_both_ways(
    mine: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rows in (20_000, 0):
        monkeypatch.setattr(statistics, "ROWS", rows)
        assert figures(replace(WEEK, strategy=str(mine.pk))).keys() == {
            ("mine", "strong"),
            ("mine", "weak"),
        }
        assert len(figures(replace(WEEK, strategy="mine"))) == 2
        assert len(figures(replace(WEEK, strategy="posted"))) == 1
        assert figures(replace(WEEK, strategy="nobody")) == {}
        assert len(figures(replace(WEEK, strategy="9" * 40))) == 0
        assert len(figures(replace(WEEK, level="weak"))) == 1
        assert len(figures(replace(WEEK, direction="SELL"))) == 1
        assert len(figures(replace(WEEK, kind="exit"))) == 1
        assert len(figures(replace(WEEK, kind="entry"))) == 2
        last_day = replace(WEEK, since=date(2026, 11, 20))
        assert figures(last_day)["mine", "strong"].signals == 2


def test_pairs_are_those_of_one_strategy(mine: Strategy) -> None:
    found = figures(replace(WEEK, strategy=str(mine.pk)), "pair")
    assert found.keys() == {("mine", "BTC/USDT"), ("mine", "ETH/USDT")}
    with pytest.raises(ValueError, match="need a strategy"):
        statistics_read(WEEK, "pair")
    with pytest.raises(ValueError, match="no grouping"):
        statistics_read(WEEK, "colour")


def test_a_renamed_strategy_keeps_its_figures(mine: Strategy) -> None:
    Strategy.objects.filter(pk=mine.pk).update(name="ours")
    assert ("ours", "strong") in figures()


def test_all_strategies_are_summed_up_by_level(mine: Strategy) -> None:
    total = {row.key: row for row in statistics_read(WEEK, "level").total}
    assert total["strong"].signals == 11
    assert total["strong"].horizons[24].count == 11
    assert total["strong"].horizons[24].right == 8
    assert total["weak"].signals == 4


def test_answers_are_kept_for_a_moment_and_empty_ones_are_not(
    mine: Strategy, redis_client: redis.Redis
) -> None:
    empty = replace(WEEK, strategy="nobody")
    first = statistics_of(WEEK, "level")
    statistics_of(empty, "level")
    with CaptureQueriesContext(connection) as queries:
        again = statistics_of(WEEK, "level")
    assert again == first
    assert len(queries) == 0
    keys = list(redis_client.scan_iter("*outcomes:*"))
    assert len(keys) == 1
    assert 0 < int(redis_client.ttl(keys[0])) <= 60
    with CaptureQueriesContext(connection) as queries:
        statistics_of(empty, "level")
    assert len(queries) > 0


def test_without_redis_the_figures_come_all_the_same(
    mine: Strategy, settings: Any
) -> None:
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": ["redis://127.0.0.1:1/0"]}
    }
    assert statistics_of(WEEK, "level").rows


def test_many_signals_are_never_read_row_by_row(
    mine: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten million rows stand behind a year of days; the question reads the days."""
    OutcomeDay.objects.bulk_create(
        [
            OutcomeDay(
                day=date(2026, 1, 1) + timedelta(days=n),
                strategy_id=mine.pk,
                signal_type="BUY",
                strength_level="medium",
                is_exit=False,
                signals=30_000,
                unknown=0,
                **{f"count_{h}": 30_000 for h in (1, 4, 24)},
                **{f"right_{h}": 15_000 for h in (1, 4, 24)},
                **{f"sum_{h}": 300.0 for h in (1, 4, 24)},
                **{f"spread_{h}": 30_000 * 10 ** (8 * 26) for h in (1, 4, 24)},
            )
            for n in range(300)
        ]
    )
    year = StatisticsFilter(since=date(2026, 1, 1), until=date(2027, 1, 1))
    asked: list[str] = []

    def noted(sql: Any, parameters: Any, **more: Any) -> Any:
        asked.append(sql)
        return rows_of(sql, parameters, **more)

    monkeypatch.setattr(questions, "rows_of", noted)
    found = statistics_read(year, "level")

    medium = next(row for row in found.rows if row.key == "medium")
    assert medium.signals == 9_000_000
    assert medium.horizons[4].rate == 0.5
    # All of them are in the class from 0 to 0.02 %.
    assert medium.horizons[4].median == pytest.approx(0.01)
    assert len(asked) == 2
    assert not [sql for sql in asked if "signal_outcomes" in sql]
    assert Outcome.objects.count() == 15


def test_the_bounds_of_a_day_are_those_of_utc(mine: Strategy) -> None:
    moment = datetime(2026, 11, 10, 23, 59, 59, tzinfo=UTC)
    (identifier,) = stored({"timestamp": moment, "strategy_name": "edge"}, now=NOW)
    judged([identifier], path(PRICE, 1.0))
    tenth = StatisticsFilter(since=date(2026, 11, 10), until=date(2026, 11, 11))
    assert ("edge", "strong") in figures(tenth)
    after = StatisticsFilter(since=date(2026, 11, 11), until=date(2026, 11, 12))
    assert ("edge", "strong") not in figures(after)

"""The oracle is tried on rows of a real table, and leaves them as they were."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from freqtrade_mgmt.simulator import DEFAULT_PAIRS
from freqtrade_mgmt.simulator.market import Market
from signals_app.models import Signal
from tests.soak import proof, stored
from tests.soak.oracle import Oracle, Verdict, Window
from tests.soak.perfect import perfect
from tests.soak.report import FAILED, OK
from tests.soak.rules import MINUTE_MS
from tests.soak.strategies import SOAKED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.soak.oracle import Stored

pytestmark = pytest.mark.django_db(transaction=True)

MARKET = Market(DEFAULT_PAIRS, seed=3)


@pytest.fixture
def window() -> Window:
    """The two hours that ended a moment ago, so that there are partitions for them."""
    last = int(timezone.now().timestamp() * 1000) // MINUTE_MS * MINUTE_MS
    return Window(last - 120 * MINUTE_MS, last)


@pytest.fixture
def database(window: Window) -> Iterator[psycopg.Connection]:
    """A connection as the soak has one, to a table without a mistake."""
    rows = perfect(MARKET, window)
    Signal.objects.bulk_create(
        Signal(
            strategy_name=row.mark.strategy,
            pair=row.mark.pair,
            exchange="simulated",
            timeframe=row.mark.timeframe,
            timestamp=datetime.fromtimestamp(row.mark.close_ms / 1000, UTC),
            signal_type=row.grade.type,
            strength_raw=row.grade.strength,
            strength_level=row.grade.level,
            priority=row.grade.priority,
            price=row.price,
            metadata={"mark": row.mark.mark},
        )
        for row in rows
    )
    own = connection.settings_dict
    with psycopg.connect(
        host=own["HOST"],
        port=own["PORT"],
        dbname=own["NAME"],
        user=own["USER"],
        password=own["PASSWORD"],
    ) as opened:
        yield opened


def test_the_oracle_notices_each_and_changes_nothing(
    database: psycopg.Connection, window: Window
) -> None:
    oracle = Oracle(MARKET, SOAKED)
    before = stored.marks(database)
    for seed in range(3):
        assert proof.oracle_check(database, oracle, window, seed).result == OK
    assert sorted(stored.marks(database)) == sorted(before)
    assert oracle.judge(window, before).ok


class Blind(Oracle):
    """An oracle that never finds anything."""

    def judge(self, window: Window, stored: Sequence[Stored]) -> Verdict:
        """Call everything right."""
        return Verdict(wanted=len(stored))


def test_an_oracle_that_notices_nothing_fails_the_run(
    database: psycopg.Connection, window: Window
) -> None:
    found = proof.oracle_check(database, Blind(MARKET, SOAKED), window, 1)
    assert found.result == FAILED
    assert len(found.details) == 4


def test_without_marks_there_is_nothing_to_try_it_on(
    database: psycopg.Connection, window: Window
) -> None:
    elsewhen = Window(window.first_ms - 10**9, window.first_ms - 10**8)
    found = proof.oracle_check(database, Oracle(MARKET, SOAKED), elsewhen, 1)
    assert found.result == FAILED

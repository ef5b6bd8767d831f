"""Signals as marks on a chart: of everybody, bounded in time and number."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from signals_app.markers import LONGEST, markers_between
from signals_app.services import signals_record
from tests.signals_app.factories import NOW, candidate

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def names(**changes: int) -> list[str]:
    found = markers_between(
        "simulated", "BTC/USDT", NOW - HOUR, NOW + HOUR, changes.get("limit", 2_000)
    )
    return [marker["strategy_name"] for marker in found.markers]


def test_all_strategies_on_the_pair_are_drawn_oldest_first() -> None:
    signals_record(
        [
            candidate(strategy_name="b", timestamp=NOW - timedelta(minutes=2)),
            candidate(strategy_name="a", timestamp=NOW),
            candidate(strategy_name="other pair", pair="ETH/USDT"),
            candidate(strategy_name="other exchange", exchange="okx"),
            candidate(strategy_name="too old", timestamp=NOW - 2 * HOUR),
            candidate(strategy_name="too new", timestamp=NOW + HOUR),
        ]
    )
    assert names() == ["b", "a"]


def test_a_mark_says_what_the_chart_needs() -> None:
    signals_record([candidate(tag="dip")])
    (marker,) = markers_between("simulated", "BTC/USDT", NOW, NOW + HOUR).markers
    assert marker["timestamp"] == "2026-11-20T12:00:00Z"
    assert marker["signal_type"] == "BUY"
    assert marker["price"] == "63210.5"
    assert marker["strength_raw"] == 85.0
    assert marker["metadata"]["mark"] == "enter_long"
    assert marker["metadata"]["streak"] == 1
    assert marker["metadata"]["tag"] == "dip"


def test_the_newest_are_kept_and_the_cut_is_told() -> None:
    signals_record(
        [
            candidate(timestamp=NOW - timedelta(minutes=n), strategy_name=f"s{n}")
            for n in range(5)
        ]
    )
    found = markers_between("simulated", "BTC/USDT", NOW - HOUR, NOW + HOUR, limit=3)
    assert [marker["strategy_name"] for marker in found.markers] == ["s2", "s1", "s0"]
    assert found.cut
    assert not markers_between(
        "simulated", "BTC/USDT", NOW - HOUR, NOW + HOUR, limit=5
    ).cut


def test_a_range_of_many_years_is_cut_at_its_beginning() -> None:
    found = markers_between("simulated", "BTC/USDT", NOW - 2 * LONGEST, NOW)
    assert found.cut


def test_only_the_months_of_the_range_are_looked_into() -> None:
    signals_record([candidate()])
    with CaptureQueriesContext(connection) as caught:
        markers_between("simulated", "BTC/USDT", NOW - HOUR, NOW)
    (query,) = [q["sql"] for q in caught if "signals" in q["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {query}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "signals_2026_11" in plan
    others = set(re.findall(r"signals_\d{4}_\d\d", plan)) - {"signals_2026_11"}
    assert others == set()

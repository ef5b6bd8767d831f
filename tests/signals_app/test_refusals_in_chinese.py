"""Whoever reads Chinese is told in Chinese why something was refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import translation

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.timeframes import duration
from monitoring.partitions.export import ExportError, rows_export
from signals_app.candidates import candidate_problem
from signals_app.selectors import Cursor
from tests.signals_app.factories import NOW, candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(autouse=True)
def _chinese() -> Iterator[None]:
    with translation.override("zh-hans"):
        yield


@pytest.mark.parametrize(
    "changes",
    [
        {"pair": ""},
        {"pair": "A" * 21},
        {"pair": "BTC\x00/USDT"},
        {"signal_type": "LONG"},
        {"timeframe": "1x"},
        {"timestamp": NOW.replace(tzinfo=None)},
        {"timestamp": NOW + timedelta(minutes=2)},
        {"timestamp": NOW - timedelta(days=4000)},
        {"price": 0.0},
        {"strength": 101.0},
        {"indicators": {"x": "\x00"}},
        {"tag": "\ud800"},
        {"indicators": {"x": "y" * 70_000}},
    ],
)
def test_a_refused_signal(changes: dict[str, Any]) -> None:
    assert CHINESE.search(candidate_problem(candidate(**changes), NOW))


def test_a_wrong_cursor_and_a_wrong_timeframe() -> None:
    with pytest.raises(BtcWatcherError, match=CHINESE):
        Cursor.parse("??")
    with pytest.raises(BtcWatcherError, match=CHINESE):
        duration("five")


@pytest.mark.parametrize("changes", [{"table": "users"}, {"form": "xml"}, {"days": 0}])
def test_an_export_that_makes_no_sense(changes: dict[str, Any]) -> None:
    facts: dict[str, Any] = {"table": "signals", "form": "csv", "days": 1} | changes
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    end = begin + timedelta(days=facts.pop("days"))
    with pytest.raises(ExportError, match=CHINESE):
        rows_export(begin=begin, end=end, path=Path("unused"), **facts)


@pytest.mark.parametrize(
    "text",
    ["Model name", "Add link", "Change or view list link"],
)
def test_the_headings_of_django_s_admin(text: str) -> None:
    assert CHINESE.search(translation.gettext(text))

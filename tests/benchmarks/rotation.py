"""Rotation of a signals table with a million rows over 24 months, under load.

A reader and a writer work all the while; the longest that either waited is the proof
that no lock was held for a second. One rotation makes months, one retires a year, one
moves a hundred thousand rows out of the safety net.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from btc_watcher.lib.partitions import SIGNALS, month_start, months_ensure, retire
from monitoring.partitions.rotation import partitions_rotate
from tests.benchmarks.output import quick, report

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

MONTHS = 24
FILL = (
    "INSERT INTO signals (id, timestamp, strategy_name, pair, exchange, timeframe,"
    " signal_type, strength_raw, strength_level, priority, price, indicators)"
    " SELECT gen_random_uuid(), moment, 'bench ' || mod(n, 50),"
    " 'P' || mod(n, 100) || '/USDT', 'binance', '5m', 'BUY', 60, 'medium', 'P1', 100,"
    ' \'{"rsi": 61.23, "ema_fast": 100.12, "ema_slow": 99.76, "atr": 1.23}\''
    " FROM generate_series(1, %s) AS n, LATERAL (SELECT %s::timestamptz"
    " + mod(n, 27) * interval '1 day' + n * interval '1 ms' AS moment) AS t"
)
ONE = (
    "INSERT INTO signals (id, timestamp, strategy_name, pair, exchange, timeframe,"
    " signal_type, strength_raw, strength_level, priority, price, indicators)"
    " VALUES (gen_random_uuid(), now(), 'bench', 'BTC/USDT', 'binance', '5m', 'BUY', 60,"
    " 'medium', 'P1', 100, '{}')"
)
READ = (
    "SELECT count(*) FROM (SELECT FROM signals"
    " WHERE timestamp > now() - interval '40 days' LIMIT 50) AS newest"
)


class Load:
    """A statement again and again in a thread; knows how long the slowest took."""

    def __init__(self, statement: str) -> None:
        self._statement = statement
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.slowest = 0.0
        self.runs = 0

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with connections["default"].cursor() as cursor:
                while not self._stop.wait(0.002):
                    started = time.perf_counter()
                    cursor.execute(self._statement)
                    self.slowest = max(self.slowest, time.perf_counter() - started)
                    self.runs += 1
        finally:
            connections["default"].close()


def fill(month: date, rows: int) -> None:
    """Store ``rows`` signals in ``month``."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(FILL, [rows, datetime(month.year, month.month, 1, tzinfo=UTC)])


def measured(name: str, action: Callable[[], Any]) -> Any:
    """Run ``action`` under load and report; return its answer."""
    with Load(READ) as reader, Load(ONE) as writer:
        while not (reader.runs and writer.runs):
            time.sleep(0.01)
        started = time.perf_counter()
        answer = action()
        seconds = time.perf_counter() - started
    report(
        f"rotation {name}",
        seconds=seconds,
        slowest_read_s=reader.slowest,
        slowest_write_s=writer.slowest,
        reads=reader.runs,
        writes=writer.runs,
        no_lock_over_1_s=max(reader.slowest, writer.slowest) < 1,
        **_figures(answer),
    )
    return answer


def _figures(answer: Any) -> dict[str, Any]:
    figures = {rotation.plan.table.name: rotation.figures() for rotation in answer}
    signals = figures["signals"]
    errors = " ".join(each["error"] for each in figures.values() if each["error"])
    return {
        "months_made": len(signals["created"]),
        "rows_moved": signals["moved_rows"],
        "months_dropped": len(signals["dropped"]),
        "error": errors,
    }


def main() -> None:
    """Fill, rotate, report."""
    rows = 100_000 if quick() else 1_000_000
    today = timezone.now()
    months = [month_start(today, -back) for back in range(1, MONTHS + 1)]
    months_ensure(SIGNALS, months)
    for month in months:
        fill(month, rows // MONTHS)
    retire(SIGNALS, SIGNALS.partition(month_start(today, 3)))
    measured("makes a month", partitions_rotate)
    settings.PARTITION_MONTHS_KEPT = {"signals": 12}
    measured("drops a year", partitions_rotate)
    settings.PARTITION_MONTHS_KEPT = {}
    stray = month_start(today, -40)
    fill(stray, rows // 10)
    measured("empties the safety net", partitions_rotate)

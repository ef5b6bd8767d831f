"""What a stored signal takes on the disk, and which indexes anybody uses.

``signals_list`` has asked for its lists before; what else the product asks of signals is
asked here: pages of one signal and of the history, marks of a chart, the ledger, the round
of the health, both ways of the intake, deliveries, the admin, the end of a strategy.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from btc_watcher.lib.statements import rows_of
from freqtrade_mgmt.health.usual import SignalCounter
from signals_app.days import signals_of_day
from signals_app.markers import markers_between
from signals_app.models import Signal
from signals_app.outcomes.opening import arrivals_open, past_open
from signals_app.services import signals_deliveries_record, signals_record
from strategies.models import Strategy
from tests.benchmarks.output import report
from tests.benchmarks.setting import candle_close

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

# An index of the table is one of each month's partition; here they are one again.
INDEXES: Final = """
SELECT whole.relname, sum(pg_relation_size(part.inhrelid))::bigint,
       sum(used.idx_scan)::bigint
  FROM pg_index
  JOIN pg_class AS whole ON whole.oid = pg_index.indexrelid
  JOIN pg_inherits AS part ON part.inhparent = pg_index.indexrelid
  JOIN pg_stat_user_indexes AS used ON used.indexrelid = part.inhrelid
 WHERE pg_index.indrelid = 'signals'::regclass
 GROUP BY whole.relname ORDER BY 2 DESC
"""
TABLE: Final = """
SELECT sum(pg_table_size(inhrelid))::bigint, sum(pg_class.reltuples)::bigint
  FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
 WHERE inhparent = 'signals'::regclass
"""
FLUSH: Final = "SELECT pg_stat_force_next_flush()"
NEWEST: Final = ("-timestamp", "-id")


def others(ids: list[int], now: datetime) -> dict[str, Callable[[], object]]:
    """Return what is asked besides the lists, by name; those that write come last."""
    admin = Client(headers={"host": "127.0.0.1"})
    admin.force_login(get_user_model().objects.create_superuser("root", "not-used-1"))
    day, month = now - timedelta(days=1), now - timedelta(days=31)
    newest = Signal.objects.filter(timestamp__gte=month).order_by(*NEWEST).first()
    assert newest is not None
    strategies = [(number, f"bench {number}") for number in ids[:50]]
    closed = now.replace(microsecond=0) - timedelta(minutes=1)

    def page(path: str, **query: object) -> Callable[[], object]:
        address = f"{path}?{urlencode(query)}" if query else path
        return lambda: _get(admin, address)

    return {
        "page of a signal": page(f"/signals/{newest.pk}/"),
        "signal of the API": page(f"/api/v1/signals/{newest.pk}/"),
        "history": page("/signals/"),
        "history of a strategy and a pair": page(
            "/signals/", strategy=ids[0], pair="P1/USDT", type="BUY", level="strong"
        ),
        "export": page("/signals/export/", type="HOLD"),
        "outcomes": page("/outcomes/"),
        "journal": page("/outcomes/signals/"),
        "admin": page("/admin/signals_app/signal/"),
        "admin by type and level": page(
            "/admin/signals_app/signal/", signal_type="SELL", strength_level="strong"
        ),
        "marks of a chart": lambda: markers_between("binance", "P1/USDT", month, now),
        "a day": lambda: signals_of_day(day, now),
        "usual numbers": lambda: SignalCounter().counts(now),
        "past outcomes": lambda: next(past_open(since=day, until=now, now=now), None),
        "past outcomes of a strategy": lambda: next(
            past_open(since=day, until=now, now=now, strategy_id=ids[0]), None
        ),
        "a candle close": lambda: signals_record(candle_close(strategies, closed)),
        "its repetition": lambda: signals_record(candle_close(strategies, closed)),
        "few signals": lambda: signals_record(
            candle_close(strategies, closed + timedelta(minutes=1))[:20]
        ),
        "arrivals": arrivals_open,
        "deliveries": lambda: signals_deliveries_record(
            signal_ids=[newest.pk], channel_name="bench", sent_at=now
        ),
        "the end of a strategy": _strategy_end,
    }


def _get(client: Client, address: str) -> object:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    # An export is made while it is read.
    return b"".join(answer) if answer.streaming else answer.content


def _strategy_end() -> None:
    """Delete a strategy without signals, for which PostgreSQL looks for some."""
    with transaction.atomic():
        number = Strategy.objects.create(name="bench that ends").pk
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM strategies WHERE id = %s", [number])


def show(ids: list[int], *, held: int) -> None:
    """Ask the rest of a table of about ``held`` signals, then print sizes and uses."""
    # Of the lists alone, which are most of what is asked.
    lists = _used()
    for ask in others(ids, timezone.now()).values():
        ask()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE signals")
    ((size, rows),) = rows_of(TABLE, [])
    found = _used()
    whole = size + sum(bytes_ for bytes_, _scans in found.values())
    indexes: dict[str, Any] = {
        name: {
            "bytes_a_signal": round(bytes_ / rows, 1),
            "share": round(bytes_ / whole, 3),
            "uses_by_lists": lists[name][1],
            "uses": scans,
        }
        for name, (bytes_, scans) in found.items()
    }
    report(
        "signals_size",
        held=held,
        rows=rows,
        bytes_a_signal=whole / rows,
        table_bytes_a_signal=size / rows,
        table_share=size / whole,
        indexes=indexes,
        not_used=sorted(name for name, (_bytes, scans) in found.items() if not scans),
    )


def _used() -> dict[str, tuple[int, int]]:
    """Return bytes and uses so far of each index."""
    rows_of(FLUSH, [])
    return {name: (size, scans) for name, size, scans in rows_of(INDEXES, [])}

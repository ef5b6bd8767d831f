"""Two years of signals, made in the database itself.

A month is filled as a table without indexes, in order of time as intake does it, and then
attached, which makes the indexes as they were migrated: several times as fast.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from django.utils import timezone
from psycopg import sql

from btc_watcher.lib.partitions import SIGNALS, month_start
from strategies.models import Strategy

if TYPE_CHECKING:
    from datetime import date

MONTHS: Final = 24
STRATEGIES: Final = 100
PAIRS: Final = 60
# The last strategy fires this often a month, however many the others do.
RARE_A_MONTH: Final = 20
TIMEFRAMES: Final = ("5m", "15m", "1h", "4h", "1d")
# Two of five are of the shortest timeframe, one of fifty is daily; half are weak, one of
# seven is strong. Some pairs and strategies have many more than others.
FILL: Final = """
INSERT INTO {month} (id, timestamp, strategy_id, strategy_name, strategy_version, pair,
    exchange, timeframe, signal_type, strength_raw, strength_level, priority, price,
    indicators, metadata)
SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0')
            || '8' || substr(digest, 1, 3) || '8' || substr(digest, 4, 15))::uuid,
       moment, (%(ids)s::integer[])[strategy], 'bench ' || strategy, 'v1.0',
       'P' || floor(60 * pair_chance * pair_chance)::integer || '/USDT', 'binance',
       timeframe,
       CASE WHEN type_chance < 0.55 THEN 'BUY' WHEN type_chance < 0.98 THEN 'SELL'
            ELSE 'HOLD' END,
       strength, CASE WHEN strength >= 85 THEN 'strong' WHEN strength >= 50 THEN 'medium'
                      ELSE 'weak' END,
       CASE WHEN strength >= 85 THEN 'P0' WHEN strength >= 50 THEN 'P1' ELSE 'P2' END,
       round((100 + 60000 * pair_chance)::numeric, 2),
       jsonb_build_object('rsi', strength, 'ema_fast', 100 + strength, 'ema_slow',
                          99 + strength, 'atr', type_chance),
       jsonb_build_object('mark', 'enter_long', 'candle_open', moment, 'streak', 1,
                          'strength_source', 'column', 'source', 'live',
                          'received_at', moment)
FROM (
    SELECT md5(n::text || %(seed)s) AS digest, chance.*, timeframe,
           CASE WHEN n <= %(rare)s THEN 100
                ELSE 1 + floor(99 * power(strategy_chance, 1.5))::integer END AS strategy,
           to_timestamp(floor((%(since)s + moment_chance * %(seconds)s) / width) * width)
               AS moment
    FROM generate_series(1, %(rows)s) AS n,
    LATERAL (SELECT random() AS strategy_chance, random() AS pair_chance,
                    random() AS type_chance, random() AS moment_chance,
                    random() AS timeframe_chance,
                    round((random() * 100 + n * 0)::numeric, 2) AS strength) AS chance,
    LATERAL (SELECT CASE WHEN timeframe_chance < 0.4 THEN 1 WHEN timeframe_chance < 0.7
                    THEN 2 WHEN timeframe_chance < 0.9 THEN 3 WHEN timeframe_chance < 0.98
                    THEN 4 ELSE 5 END AS kind) AS kinds,
    LATERAL (SELECT (ARRAY['5m', '15m', '1h', '4h', '1d'])[kind] AS timeframe,
                    (ARRAY[300, 900, 3600, 14400, 86400])[kind] AS width) AS widths
) AS signal
WHERE moment >= to_timestamp(%(since)s)
ORDER BY moment
"""


def strategies_make() -> list[int]:
    """Store the strategies; return their ids, the rare one last."""
    return [
        Strategy.objects.create(name=f"bench {number}").pk
        for number in range(1, STRATEGIES + 1)
    ]


def signals_fill(rows: int, ids: list[int]) -> None:
    """Store about ``rows`` signals over the last 24 months, this one included."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET maintenance_work_mem = '256MB'")
        cursor.execute("SET work_mem = '256MB'")
        cursor.execute("SELECT setseed(0.5)")
    months = [month_start(now, -back) for back in range(MONTHS)]
    starts = [_moment(month) for month in months]
    ends = [now, *starts[:-1]]
    whole = (now - starts[-1]).total_seconds()
    for month, start, end in zip(months, starts, ends, strict=True):
        seconds = (end - start).total_seconds()
        _month_fill(month, start, seconds, round(rows * seconds / whole), ids)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE signals")
        cursor.execute("RESET ALL")


def _month_fill(
    month: date, start: datetime, seconds: float, rows: int, ids: list[int]
) -> None:
    name = sql.Identifier(SIGNALS.partition(month))
    parameters: dict[str, Any] = {
        "ids": ids,
        "seed": str(month),
        "rare": round(RARE_A_MONTH * seconds / (30 * 86400)),
        "since": start.timestamp(),
        "seconds": seconds,
        "rows": rows,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
        cursor.execute(
            sql.SQL(
                "CREATE TABLE {} (LIKE signals INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
            ).format(name)
        )
        cursor.execute(sql.SQL(FILL).format(month=name), parameters)
        cursor.execute(
            sql.SQL(
                "ALTER TABLE signals ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})"
            ).format(name, str(start), str(_moment(month_start(month, 1))))
        )


def _moment(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)

"""The months that a fresh installation has, whatever tests before have stored."""

from __future__ import annotations

from django.db import connection
from django.utils import timezone

from btc_watcher.lib.partitions import TABLES, month_start, months_ensure, state_read


def months_usual() -> None:
    """Drop every month but those of a first start, and make those that lack.

    A signal of another test may have made its own month years ago, and a rotation then
    fills the gap up to it.
    """
    today = timezone.now()
    for table in TABLES:
        wanted = [month_start(today, n) for n in range(table.months_ahead + 1)]
        usual = {table.default, *map(table.partition, wanted)}
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {table.name}")
            for name in state_read(table).partitions - usual:
                cursor.execute(f"DROP TABLE {name}")
        months_ensure(table, wanted)

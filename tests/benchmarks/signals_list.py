"""Lists of signals over two years: a table with a tenth of the rows beside the whole.

The two tables are databases of one server, asked in turn, so that whatever else the
machine does strikes both. Beside each question, in the same run: the newest rows of one
month read straight from its partition by the driver.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import fmean
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode
from uuid import UUID

import psutil
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone
from psycopg import sql
from rest_framework.test import APIClient

from accounts.models import User
from btc_watcher.lib.partitions import SIGNALS, month_start
from signals_app.selectors import Cursor
from tests.benchmarks import signals_size
from tests.benchmarks.output import median, option, percentile, quick, report
from tests.benchmarks.years import (
    MONTHS,
    PAIRS,
    STRATEGIES,
    TIMEFRAMES,
    signals_fill,
    strategies_make,
)
from tests.signals_app.plans import months_of_range, partitions_read

if TYPE_CHECKING:
    from collections.abc import Callable

FLAT: Final = 1.25
API: Final = "/api/v1/signals/"
HOST: Final = {"host": "127.0.0.1"}
# Rounds in which what is read comes into the memory.
UNCOUNTED: Final = 2
ROUNDS: Final = 200
LAST: Final = UUID(int=(1 << 128) - 1)
BARE: Final = "SELECT * FROM {} ORDER BY timestamp DESC, id DESC LIMIT 101"


@dataclass(slots=True)
class Asked:
    """What a question took in one of the tables, in seconds, and the bare one beside it.

    ``worked`` is the processors' time of Python and PostgreSQL together, which does not
    depend on who else uses the machine.
    """

    seconds: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    partitions: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)


class Questions:
    """Addresses that people and programs ask for; each time other ones."""

    def __init__(self, ids: list[int], now: datetime) -> None:
        self._chance = random.Random(7)  # noqa: S311 - the same questions each time
        self._ids = ids
        self._now = now

    def all(self) -> dict[str, Callable[[], str]]:
        """Return, by name, what makes an address."""
        rare = f"bench {STRATEGIES}"
        return {
            "live page": lambda: "/",
            "newest of a strategy's page": lambda: (
                f"/strategies/{self._strategy()}/signals/"
            ),
            "api newest": self._api,
            "api strategy": lambda: self._api(strategy=self._strategy()),
            "api strategy by name": lambda: self._api(
                strategy=f"bench {self._one_of(STRATEGIES - 1)}"
            ),
            "api rare strategy": lambda: self._api(strategy=rare),
            "api pair": lambda: self._api(pair=self._pair()),
            "api strength": lambda: self._api(level="strong"),
            "api priority and type": lambda: self._api(priority="P0", type="SELL"),
            "api pair and timeframe": lambda: self._api(
                pair=self._pair(), timeframe=self._chance.choice(TIMEFRAMES[:2])
            ),
            "api a week in the past": lambda: self._range(7),
            "api a month a year ago": lambda: self._range(30, ago=365, type="BUY"),
            "api deep cursor": lambda: self._api(
                cursor=Cursor(self._ago(days=20 + self._chance.random()), LAST).text()
            ),
            "api a pair over a year": lambda: self._range(
                365, ago=365, pair=self._pair()
            ),
            "api rare strategy over a year": lambda: self._range(
                365, ago=365, strategy=rare
            ),
        }

    def _api(self, **query: str | int) -> str:
        # A page that the small table can fill too: else the large one answers more.
        return f"{API}?{urlencode(query | {'page_size': 20 if quick() else 100})}"

    def _range(self, days: int, *, ago: int = 0, **query: str | int) -> str:
        back = ago or self._chance.uniform(days, 30 * (MONTHS - 1) - days)
        since = self._ago(days=back)
        until = since + timedelta(days=days)
        bounds = {"from": since.isoformat(), "to": until.isoformat()}
        return self._api(**bounds, **query)

    def _strategy(self) -> int:
        return self._ids[self._one_of(STRATEGIES - 1) - 1]

    def _one_of(self, count: int) -> int:
        return self._chance.randint(1, count)

    def _pair(self) -> str:
        return f"P{self._chance.randrange(PAIRS // 3)}/USDT"

    def _ago(self, *, days: float) -> datetime:
        return self._now - timedelta(days=days)


class Table:
    """One of the two databases, with a connection that is lent to Django."""

    def __init__(self, name: str, user: User) -> None:
        database_use(name)
        # Kept here: Django is given another one before it asks again.
        self._connection, connection.connection = connection.connection, None
        self._backend = psutil.Process(self._connection.info.backend_pid)
        self._page = Client(headers=HOST)
        self._page.force_login(user)
        self._api = APIClient(headers=HOST)
        self._api.force_authenticate(user)
        self.asked: dict[str, Asked] = defaultdict(Asked)

    def use(self) -> None:
        """Have Django ask this database."""
        connection.connection = self._connection

    def ask(self, what: str, address: str) -> None:
        """Ask, and note what it took."""
        self.use()
        worked, started = self._worked(), time.perf_counter()
        self.get(address)
        asked = self.asked[what]
        asked.seconds.append(time.perf_counter() - started)
        asked.worked.append(self._worked() - worked)
        asked.bare.append(self._bare())

    def get(self, address: str) -> None:
        """Ask as somebody who is logged in, or as a user of the API."""
        asker: Client = self._api if address.startswith("/api") else self._page
        answer = asker.get(address)
        assert answer.status_code == 200, (address, answer.content[:500])

    def plans_look(self, what: str, address: str) -> None:
        """Note which partitions the question touches, and which needlessly."""
        self.use()
        with CaptureQueriesContext(connection) as queries:
            self.get(address)
        for query in queries.captured_queries:
            if 'FROM "signals"' in query["sql"]:
                touched = partitions_read(query["sql"])
                self.asked[what].partitions |= touched
                self.asked[what].outside |= touched - months_of_range(query["sql"])

    def _bare(self) -> float:
        """Return the seconds in which the driver reads the newest rows of last month."""
        month = SIGNALS.partition(month_start(timezone.now(), -1))
        started = time.perf_counter()
        with self._connection.cursor() as cursor:
            cursor.execute(sql.SQL(BARE).format(sql.Identifier(month)))
            cursor.fetchall()
        return time.perf_counter() - started

    def _worked(self) -> float:
        times = self._backend.cpu_times()
        return time.process_time() + times.user + times.system


def database_use(name: str) -> None:
    """Have Django connect to another database of the server."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has it
    connection.settings_dict["NAME"] = name
    connection.settings_dict["OPTIONS"]["pool"] = False
    connection.ensure_connection()


def database_copy(source: str, name: str) -> None:
    """Make the database ``name`` from ``source``, which nobody uses meanwhile."""
    database_use("postgres")
    with connection.cursor() as cursor:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        cursor.execute(statement.format(sql.Identifier(name), sql.Identifier(source)))


def measure(tables: list[Table], ids: list[int]) -> None:
    """Ask both the same, one after the other."""
    questions = Questions(ids, timezone.now()).all()
    for table in tables:
        for what, address in questions.items():
            table.plans_look(what, address())
    for number in range(UNCOUNTED + (80 if quick() else ROUNDS)):
        for what, address in questions.items():
            wanted = address()
            for table in tables[:: 1 if number % 2 else -1]:
                table.ask(what, wanted)
    for asked in (each for table in tables for each in table.asked.values()):
        for values in (asked.seconds, asked.worked, asked.bare):
            del values[:UNCOUNTED]


def show(small: Table, large: Table, *, held: int) -> None:
    """Print a figure for each question and one for all."""
    ratios = []
    for what in small.asked:
        one, ten = small.asked[what], large.asked[what]
        ratios.append(_p95(ten.seconds) / _p95(one.seconds))
        report(
            f"signals_list {what}",
            held=held,
            small_ms_median=median(one.seconds) * 1000,
            large_ms_median=median(ten.seconds) * 1000,
            small_ms_p95=_p95(one.seconds) * 1000,
            large_ms_p95=_p95(ten.seconds) * 1000,
            ratio_median=median(ten.seconds) / median(one.seconds),
            ratio_p95=ratios[-1],
            flat=ratios[-1] <= FLAT,
            small_worked_ms_mean=fmean(one.worked) * 1000,
            large_worked_ms_mean=fmean(ten.worked) * 1000,
            bare_ms_median=median(one.bare + ten.bare) * 1000,
            bare_ratio_p95=_p95(ten.bare) / _p95(one.bare),
            partitions=len(ten.partitions),
            partitions_outside_of_the_range=sorted(one.outside | ten.outside),
        )
    report(
        "signals_list",
        held=held,
        questions=len(ratios),
        worst_ratio_p95=max(ratios),
        not_flat=sum(ratio > FLAT for ratio in ratios),
        repetitions=len(next(iter(small.asked.values())).seconds),
        goal=f"each at most {FLAT} times as long with ten times the rows",
    )


def _p95(values: list[float]) -> float:
    return percentile(values, 0.95)


def fill(sizes: dict[str, int], ids: list[int]) -> dict[str, str]:
    """Fill a database for each size; return their names, and print how large they are."""
    first = str(connection.settings_dict["NAME"])
    names = {size: f"{first}_{size}" for size in sizes}
    for size, rows in sizes.items():
        database_copy(first, names[size])
        database_use(names[size])
        started = time.perf_counter()
        signals_fill(rows, ids)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT sum(reltuples)::bigint, count(*),"
                " pg_database_size(current_database()) FROM pg_inherits"
                " JOIN pg_class ON oid = inhrelid WHERE inhparent = 'signals'::regclass"
            )
            (there, partitions, taken) = cursor.fetchone() or (0, 0, 0)
        report(
            f"signals_list {size} table",
            held=rows,
            rows=there,
            partitions=partitions,
            database_mb=taken / 1e6,
            fill_seconds=time.perf_counter() - started,
        )
    return names


def main() -> None:
    """Fill, ask, print."""
    held = option("--rows", 1_000_000 if quick() else 10_000_000)
    rows = {"small": held // 10, "large": held}
    ids = strategies_make()
    user = User.objects.create_user("bench", "bench-password-1")
    tables = [Table(name, user) for name in fill(rows, ids).values()]
    # The same person asks more in a minute than people may.
    with override_settings(API_READS_PER_MINUTE=0):
        measure(tables, ids)
        show(*tables, held=held)
        for table, size in zip(tables, rows.values(), strict=True):
            table.use()
            signals_size.show(ids, held=size)

"""Backup and trial restore, beside bare pg_dump and pg_restore in the same run."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from django.db import connection
from django.test import override_settings
from django.utils import timezone
from psycopg import sql

from btc_watcher.lib.partitions import SIGNALS, month_start, months_ensure
from monitoring.backups.restoring import jobs
from monitoring.backups.scratch import database_drop
from monitoring.backups.servers import server_of_backups
from monitoring.backups.services import backup_make
from monitoring.backups.tools import tools_for
from tests.benchmarks.output import median, quick, report
from tests.benchmarks.setting import make_strategies

if TYPE_CHECKING:
    from monitoring.backups.servers import Server

MONTHS = 24
BARE = "bare_restore"


def fill(rows: int) -> None:
    """Store ``rows`` signals, spread evenly over two years."""
    now = timezone.now()
    months_ensure(SIGNALS, [month_start(now, -n) for n in range(MONTHS + 1)])
    ids = [pk for pk, _name in make_strategies()]
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(
            "INSERT INTO signals (id, timestamp, strategy_id, strategy_name,"
            " strategy_version, pair, exchange, timeframe, signal_type, strength_raw,"
            " strength_level, priority, price, indicators, metadata)"
            " SELECT gen_random_uuid(), moment, (%(ids)s)[1 + n %% 50], 'strategy ' || n %% 50, 1,"
            " 'PAIR' || n %% 100 || '/USDT', 'simulated', '5m',"
            " CASE n %% 3 WHEN 0 THEN 'SELL' ELSE 'BUY' END, random() * 100, 'medium',"
            " 'P1', random() * 60000, jsonb_build_object('rsi', random() * 100, 'ema',"
            " random() * 60000, 'volume', random() * 1e6), jsonb_build_object('mark',"
            " 'enter_long', 'streak', n %% 5, 'open', moment)"
            " FROM generate_series(1, %(rows)s) n, LATERAL (SELECT %(now)s"
            " - make_interval(secs => n::float8 / %(rows)s * 700 * 86400) AS moment) m",
            {"rows": rows, "now": now, "ids": ids},
        )
        cursor.execute("VACUUM ANALYZE signals")


def bare_dump(server: Server, path: Path) -> float:
    """Return the seconds of pg_dump with the options of ours, synced to the disk."""
    with server.connect() as asking:
        tools = tools_for(asking.info.server_version // 10_000)
    command = [tools.dump, "--format=custom", f"--compress={tools.compression[1]}"]
    started = time.perf_counter()
    subprocess.run(
        [*command, f"--file={path}"], env=server.environment(), check=True, cwd="/"
    )
    return time.perf_counter() - started


def bare_restore(server: Server, path: Path) -> float:
    """Return the seconds of pg_restore into a database that is there already."""
    with contextlib.closing(server.maintenance()) as maintenance:
        tools = tools_for(maintenance.info.server_version // 10_000)
        database_drop(maintenance, BARE)
        maintenance.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(BARE)))
        command = [tools.restore, "--no-owner", "--no-privileges", "--no-comments"]
        command += [f"--jobs={jobs()}", f"--dbname={BARE}", str(path)]
        started = time.perf_counter()
        subprocess.run(command, env=server.environment(BARE), check=True, cwd="/")
        seconds = time.perf_counter() - started
        database_drop(maintenance, BARE)
    return seconds


def main() -> None:
    """Measure both in turn and print the ratios of their rates."""
    rows = 300_000 if quick() else 1_000_000
    fill(rows)
    connection.close()
    server = server_of_backups()
    dumps: list[tuple[float, float]] = []
    trials: list[tuple[float, float]] = []
    size = raw = 0
    with TemporaryDirectory(prefix="btcw-bench-backup-") as name:
        for number in range(2 if quick() else 3):
            path = Path(name) / f"bare-{number}"
            theirs = bare_dump(server, path)
            with override_settings(BACKUP_FOLDER=str(Path(name) / "ours")):
                ours = backup_make()
            assert ours.manifest is not None
            assert ours.trial is not None
            assert not ours.error, ours.error
            took = (ours.manifest.finished - ours.manifest.started).total_seconds()
            dumps.append((took, theirs))
            trials.append((ours.trial.seconds, bare_restore(server, path)))
            size, raw = ours.size, ours.manifest.database_size
    report(
        "backup",
        signals=rows,
        database_mb=raw / 1e6,
        backup_mb=size / 1e6,
        backup_seconds=median([ours for ours, _ in dumps]),
        pg_dump_seconds=median([theirs for _, theirs in dumps]),
        backup_ratio=median([theirs / ours for ours, theirs in dumps]),
        trial_seconds=median([ours for ours, _ in trials]),
        pg_restore_seconds=median([theirs for _, theirs in trials]),
        trial_ratio=median([theirs / ours for ours, theirs in trials]),
        goal="both ratios >= 0.90",
        repetitions=len(dumps),
    )

"""Exports while others change the table, into odd files, of odd rows."""

from __future__ import annotations

import csv
import io
import os
import stat
import threading
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from btc_watcher.lib import partitions, patient_locks
from btc_watcher.lib.partition_mover import strays_move
from btc_watcher.lib.partitions import SIGNALS, PartitionError, state_read
from btc_watcher.lib.spreadsheets import FORMULA_SIGNS
from monitoring.partitions import export
from monitoring.partitions.export import ExportError, rows_export
from tests.monitoring.partitions.test_rotation_faults import another

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)

BEGIN = datetime(2018, 12, 31, 20, tzinfo=UTC)
END = datetime(2019, 2, 1, tzinfo=UTC)
FILL = (
    "INSERT INTO signals (id, timestamp, strategy_name, pair, exchange, timeframe,"
    " signal_type, strength_raw, strength_level, priority, price, indicators)"
    " SELECT gen_random_uuid(), %s::timestamptz + n * interval '1 second', %s,"
    " 'BTC/USDT', 'binance', '5m', 'BUY', 60, 'medium', 'P1', 100, '{}'"
    " FROM generate_series(1, %s) n"
)


def query(text: str, *arguments: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, arguments or None)


def fill(rows: int, *, moment: datetime = BEGIN, name: str = "plain") -> None:
    query(FILL, moment, name, rows)


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    before = state_read(SIGNALS).partitions
    yield
    query("SELECT btcw_mover_clear('signals')")
    query("TRUNCATE signals")
    for name in state_read(SIGNALS).partitions - before:
        query(f"DROP TABLE {name}")


def exported(path: Path, **named: Any) -> export.Exported:
    arguments: dict[str, Any] = {"table": "signals", "begin": BEGIN, "end": END}
    return rows_export(**arguments | named, path=path)


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_a_beginning_in_another_zone_does_not_lose_the_month_before(
    tmp_path: Path,
) -> None:
    partitions.months_ensure(SIGNALS, [BEGIN, END])
    fill(3)
    # 4 o'clock of the first of January there is the last of December.
    east = BEGIN.astimezone(timezone(timedelta(hours=8)))
    done = exported(tmp_path / "a.csv", begin=east)
    assert done.rows == 3
    assert "signals_2018_12" in done.partitions


def test_a_partition_with_a_name_of_its_own_is_read_too(tmp_path: Path) -> None:
    query(
        "CREATE TABLE signals_archive PARTITION OF signals"
        " FOR VALUES FROM ('2018-01-01Z') TO ('2019-01-01Z')"
    )
    fill(3)
    assert exported(tmp_path / "a.csv").rows == 3


def test_a_mover_at_the_same_time_gives_way_and_no_row_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_locks, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(patient_locks, "ATTEMPTS", 2)
    partitions.months_ensure(SIGNALS, [END])
    fill(200)
    told: list[str] = []

    def move() -> None:
        try:
            strays_move(SIGNALS, [BEGIN.date().replace(day=1)])
        except PartitionError as error:
            told.append(error.message)
        finally:
            connection.close()

    def meanwhile(*, rows: int, expected: int, partition: str) -> None:
        if not rows and not told:
            thread = threading.Thread(target=move)
            thread.start()
            thread.join()

    assert exported(tmp_path / "a.csv", told=meanwhile).rows == 200
    assert "pg_stat_activity" in told[0]
    monkeypatch.undo()
    assert strays_move(SIGNALS, [BEGIN.date().replace(day=1)]) == 200
    assert exported(tmp_path / "b.csv").rows == 200


@pytest.mark.parametrize(
    "name", ["+1", "-1", "@SUM(A1)", "\tx", *map("{}1+1".format, FORMULA_SIGNS)]
)
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(
    tmp_path: Path, name: str
) -> None:
    fill(1, name=name)
    exported(tmp_path / "a.csv")
    (row,) = rows_of(tmp_path / "a.csv")
    # Text that is read has one kind of line ends.
    name = name.replace("\r", "\n")
    assert (row["strategy_name"], row["strength_raw"]) == (f"'{name}", "60.0000")
    exported(tmp_path / "b.csv", form="csv-raw")
    assert rows_of(tmp_path / "b.csv")[0]["strategy_name"] == name


def test_times_are_utc_and_iso_whatever_the_session_says(tmp_path: Path) -> None:
    fill(1)
    query("SET datestyle = 'SQL, DMY'; SET timezone = 'Asia/Shanghai'")
    try:
        exported(tmp_path / "a.csv")
    finally:
        query("SET datestyle = 'ISO'; SET timezone = 'UTC'")
    assert rows_of(tmp_path / "a.csv")[0]["timestamp"] == "2018-12-31 20:00:01+00"


def test_only_we_may_read_the_file(tmp_path: Path) -> None:
    fill(1)
    path = tmp_path / "a.csv"
    path.write_text("what was there")
    path.chmod(0o644)
    exported(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(rows_of(path)) == 1


def test_a_device_or_a_link_is_refused_and_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    (tmp_path / "link").symlink_to(target)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "."):
        with pytest.raises(ExportError, match="no ordinary file"):
            exported(tmp_path / name)
    assert target.read_text() == "kept"
    with pytest.raises(CommandError, match="no ordinary file"):
        call_command("export", "signals", "--from=2019-01-01", "--output=/dev/stdout")
    assert Path("/dev/stdout").is_symlink()


def test_a_database_that_breaks_off_is_told_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TOLD_ROWS", 1)
    # More than the sockets hold, so that the server is still at it.
    fill(60_000)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        ((pid,),) = cursor.fetchall()

    def cut(*, rows: int, expected: int, partition: str) -> None:
        if rows == 2:
            with another() as client:
                client.execute("SELECT pg_terminate_backend(%s)", [pid])

    with pytest.raises(ExportError, match="broke off"):
        exported(tmp_path / "a.csv", told=cut)
    assert list(tmp_path.iterdir()) == []
    connection.close()
    assert exported(tmp_path / "a.csv").rows == 60_000


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        query("TRUNCATE signals")
        fill(rows)
        tracemalloc.start()
        try:
            assert exported(tmp_path / "a.csv").rows == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    few, many = peak(2_000), peak(40_000)
    assert (tmp_path / "a.csv").stat().st_size > 5_000_000
    assert many < few + 1_000_000

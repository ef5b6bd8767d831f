"""Signals leave as a file: the right rows, all of them, once."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from btc_watcher.lib import partitions
from btc_watcher.lib.partitions import SIGNALS, state_read
from monitoring.partitions import export
from monitoring.partitions.export import ExportError, rows_export
from monitoring.partitions.selectors import partition_rows, partitions_list
from signals_app.models import Signal
from signals_app.services import signals_record
from tests.signals_app.factories import NOW, candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)

BEGIN = datetime(2019, 1, 1, tzinfo=UTC)
END = datetime(2019, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _signals(redis_client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("signals_app.services._months_known", set())
    before = state_read(SIGNALS).partitions
    moments = (
        BEGIN - timedelta(seconds=1),
        BEGIN,
        datetime(2019, 1, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2019, 2, 10, tzinfo=UTC),
        END,
    )
    rows = [
        candidate(timestamp=m, indicators={"note": 'a,"b"\nc', "rsi": 1.5})
        for m in moments
    ]
    assert signals_record(rows).created == 5
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE signals")
    for name in state_read(SIGNALS).partitions - before:
        partitions.retire(SIGNALS, name)


def wanted() -> list[str]:
    rows = Signal.objects.filter(timestamp__gte=BEGIN, timestamp__lt=END)
    return [str(row.id) for row in rows.order_by("timestamp", "id")]


def exported(path: Path, form: str = "csv", **named: Any) -> export.Exported:
    return rows_export(
        table="signals", begin=BEGIN, end=END, path=path, form=form, **named
    )


def test_a_csv_holds_the_rows_of_the_range_in_the_order_of_time(tmp_path: Path) -> None:
    done = exported(tmp_path / "a.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text())))
    assert [row["id"] for row in rows] == wanted()
    assert done.rows == len(rows) == 3
    assert json.loads(rows[0]["indicators"]) == {"note": 'a,"b"\nc', "rsi": 1.5}
    assert rows[0]["timestamp"] == "2019-01-01 00:00:00+00"
    assert done.partitions == (
        "signals_2019_01",
        "signals_2019_02",
        "signals_2019_03",
        "signals_default",
    )


def test_an_empty_range_gives_the_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    done = rows_export(
        table="signals", begin=NOW, end=NOW + timedelta(minutes=1), path=path
    )
    assert done.rows == 0
    assert path.read_text().startswith("id,timestamp,")
    assert len(path.read_text().splitlines()) == 1


def test_progress_is_told_with_the_rows_and_the_partition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TOLD_ROWS", 1)
    heard: list[tuple[int, str]] = []

    def told(*, rows: int, expected: int, partition: str) -> None:
        assert expected >= rows
        heard.append((rows, partition))

    exported(tmp_path / "a.csv", told=told)
    assert (1, "signals_2019_01") in heard
    assert heard[-1] == (3, "signals_default")


def test_a_parquet_file_holds_the_same_rows_with_types(tmp_path: Path) -> None:
    parquet: Any = import_module("pyarrow.parquet")
    done = exported(tmp_path / "a.parquet", "parquet")
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.column("id").to_pylist() == wanted()
    assert done.rows == table.num_rows == 3
    assert table.column("timestamp").to_pylist()[0] == BEGIN
    assert str(table.schema.field("price").type) == "decimal128(20, 8)"
    assert json.loads(table.column("indicators")[0].as_py())["rsi"] == 1.5
    assert table.column("notification_channels").to_pylist() == [[], [], []]


def test_without_pyarrow_the_way_to_get_it_is_told_and_no_file_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExportError, match=r"requirements-parquet\.txt"):
        exported(tmp_path / "a.parquet", "parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_in_the_middle_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TOLD_ROWS", 1)

    def told(*, rows: int, expected: int, partition: str) -> None:
        if rows == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exported(tmp_path / "a.csv", told=told)
    assert list(tmp_path.iterdir()) == []
    assert exported(tmp_path / "a.csv").rows == 3


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"table": "accounts_user"}, "cannot be exported"),
        ({"form": "xml"}, "csv, csv-raw, parquet"),
        ({"end": BEGIN}, "is empty"),
        ({"path": Path("/no/such/folder/a.csv")}, "could not be written"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, changes: dict[str, Any], match: str
) -> None:
    arguments: dict[str, Any] = {
        "table": "signals",
        "begin": BEGIN,
        "end": END,
        "path": tmp_path / "a",
    }
    with pytest.raises(ExportError, match=match):
        rows_export(**(arguments | changes))


def test_the_command_takes_times_with_and_without_offset(tmp_path: Path) -> None:
    output = io.StringIO()
    path = tmp_path / "out.csv"
    call_command(
        "export",
        "signals",
        "--from=2019-01-01T08:00+08:00",
        "--to=2019-03-01",
        f"--output={path}",
        "--json",
        stdout=output,
    )
    report = json.loads(output.getvalue())
    assert (report["rows"], report["path"]) == (3, str(path))
    assert report["bytes"] == path.stat().st_size
    with pytest.raises(CommandError, match="is no time"):
        call_command("export", "signals", "--from=yesterday")


def test_the_list_of_partitions_names_range_state_rows_and_size() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE signals")
        cursor.execute(
            "INSERT INTO proxy_test_history (test_time, success)"
            " VALUES ('1999-01-01', true)"
        )
        cursor.execute("ANALYZE proxy_test_history")
    facts = {fact.name: fact for fact in partitions_list(NOW)}
    january = facts["signals_2019_01"]
    assert (january.first, january.end) == (
        datetime(2019, 1, 1, tzinfo=UTC).date(),
        datetime(2019, 2, 1, tzinfo=UTC).date(),
    )
    assert (january.state, january.rows, january.is_trouble) == ("active", 2, False)
    assert january.bytes > 8192
    assert partition_rows("signals_2019_01", NOW) == 2
    assert partition_rows("accounts_user", NOW) is None
    net = facts["proxy_test_history_default"]
    assert (net.state, net.rows, net.is_trouble) == ("default", 1, True)
    assert facts["signals_2027_01"].state == "ahead"
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE proxy_test_history")

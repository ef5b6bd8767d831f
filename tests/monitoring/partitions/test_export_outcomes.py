"""Outcomes of signals, and what people did with them, leave as files too."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import User
from btc_watcher.lib import partitions
from btc_watcher.lib.partitions import OUTCOMES, SIGNALS, state_read
from monitoring.partitions.export import rows_export
from signals_app.outcomes.models import SignalChoice
from tests.signals_app.outcome_rows import judged, path, stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from uuid import UUID

pytestmark = pytest.mark.django_db(transaction=True)

BEGIN = datetime(2019, 1, 1, tzinfo=UTC)
END = datetime(2019, 2, 1, tzinfo=UTC)


@pytest.fixture
def ids(redis_client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[UUID]]:
    """Two judged signals of January, and one of February."""
    for module in ("signals_app.services", "signals_app.outcomes.work"):
        monkeypatch.setattr(f"{module}._months_known", set())
    before = {table: state_read(table).partitions for table in (SIGNALS, OUTCOMES)}
    moments = (BEGIN, BEGIN + timedelta(hours=1), END)
    found = stored(*({"timestamp": each} for each in moments))
    judged(found, path(100.0, 1.0, 2.0))
    yield found
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE signals, signal_outcomes, signal_choices")
    for table, names in before.items():
        for name in state_read(table).partitions - names:
            partitions.retire(table, name)


def exported(table: str, path: Path, *words: str) -> dict[str, Any]:
    output = io.StringIO()
    call_command(
        *("export", table, "--from=2019-01-01", "--to=2019-02-01"),
        *(f"--output={path}", "--json", *words),
        stdout=output,
    )
    found: dict[str, Any] = json.loads(output.getvalue())
    return found


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_outcomes_of_the_range_are_written_month_by_month(
    ids: list[UUID], tmp_path: Path
) -> None:
    report = exported("outcomes", tmp_path / "a.csv")
    rows = rows_of(tmp_path / "a.csv")
    assert [row["id"] for row in rows] == [str(each) for each in ids[:2]]
    assert report["rows"] == 2
    assert report["partitions"][0] == "signal_outcomes_2019_01"
    assert {row["state"] for row in rows} == {"complete"}
    assert all(float(row["move_1"]) != 0 for row in rows)


def test_outcomes_have_types_in_parquet(ids: list[UUID], tmp_path: Path) -> None:
    parquet: Any = import_module("pyarrow.parquet")
    exported("outcomes", tmp_path / "a.parquet", "--format=parquet")
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.column("id").to_pylist() == [str(each) for each in ids[:2]]
    assert str(table.schema.field("move_24").type) == "double"
    assert str(table.schema.field("missing_24").type) == "int16"


def test_choices_of_the_range_are_written_although_they_have_no_months(
    ids: list[UUID], tmp_path: Path
) -> None:
    user = User.objects.create(username="trader")
    for place, moment in ((0, BEGIN), (2, END)):
        SignalChoice.objects.create(
            user=user,
            signal_id=ids[place],
            timestamp=moment,
            choice="taken",
            note="=1+1",
        )
    report = exported("choices", tmp_path / "a.csv")
    (row,) = rows_of(tmp_path / "a.csv")
    assert (row["signal_id"], row["choice"]) == (str(ids[0]), "taken")
    assert row["user_id"] == str(user.pk)
    # A spreadsheet shall not run what somebody wrote.
    assert row["note"] == "'=1+1"
    assert report["partitions"] == ["signal_choices"]


def test_an_empty_range_of_choices_is_a_header(ids: list[UUID], tmp_path: Path) -> None:
    done = rows_export(table="choices", begin=BEGIN, end=END, path=tmp_path / "a.csv")
    assert done.rows == 0
    assert (tmp_path / "a.csv").read_text().startswith("id,")


def test_a_range_that_is_empty_is_a_mistake_of_the_command_line() -> None:
    with pytest.raises(CommandError, match="is empty") as raised:
        call_command("export", "outcomes", "--from=2019-02-01", "--to=2019-01-01")
    assert raised.value.returncode == 2

"""Indexes of partitioned tables in a real PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError, connection

from btc_watcher.lib import partition_indexes
from btc_watcher.lib.partition_indexes import index_make

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)
INDEX = "idx_cut_word"


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture(autouse=True)
def _table() -> Iterator[None]:
    """A table in three parts."""
    run(
        "CREATE TABLE cut (number integer, word text) PARTITION BY RANGE (number);"
        "CREATE TABLE cut_1 PARTITION OF cut FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE cut_2 PARTITION OF cut FOR VALUES FROM (10) TO (20);"
        "CREATE TABLE cut_default PARTITION OF cut DEFAULT"
    )
    yield
    run("DROP TABLE cut")


def indexes() -> dict[str, bool]:
    """Return the valid word of every index, by name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT own.relname, indisvalid FROM pg_index"
            " JOIN pg_class own ON own.oid = indexrelid"
            " JOIN pg_class made ON made.oid = indrelid WHERE made.relname ~ '^cut'"
        )
        return dict(cursor.fetchall())


def make() -> None:
    index_make(connection, table="cut", name=INDEX, on="(word, number DESC)")


def test_every_part_has_it_and_the_whole_is_valid() -> None:
    make()
    make()

    assert indexes() == {
        INDEX: True,
        "cut_1_word": True,
        "cut_2_word": True,
        "cut_default_word": True,
    }
    run("CREATE TABLE cut_3 PARTITION OF cut FOR VALUES FROM (20) TO (30)")
    assert len(indexes()) == 5


def test_it_goes_on_where_it_was_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = partition_indexes._run
    done: list[str] = []

    def die_at_the_fourth(cursor: Any, text: str, *rest: Any) -> None:
        done.append(text)
        if len(done) == 4:
            raise KeyboardInterrupt
        whole(cursor, text, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(partition_indexes, "_run", die_at_the_fourth)
        with pytest.raises(KeyboardInterrupt):
            make()
    assert indexes()[INDEX] is False

    make()
    assert set(indexes().values()) == {True}
    assert len(indexes()) == 4


def test_an_index_that_was_left_broken_is_made_anew() -> None:
    run("INSERT INTO cut VALUES (11, 'same'), (11, 'same')")
    with pytest.raises(IntegrityError):
        run("CREATE UNIQUE INDEX CONCURRENTLY cut_2_word ON cut_2 (word)")
    assert indexes() == {"cut_2_word": False}

    make()

    assert set(indexes().values()) == {True}

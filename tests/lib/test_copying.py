"""COPY takes texts as they are, or nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from django.db import DataError, connection, transaction

from btc_watcher.lib.copying import NULL, copying, json_field, text_field

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)

TEXTS = (
    "plain",
    "",
    "\\",
    "\\N",
    "\\.",
    "tab\tend",
    "line\nline\r\n",
    "\b\f\v\x1f",
    "\"quoted\" and 'quoted'",
    "信号 ▲ 🚀\u2028\u00a0",
)


@pytest.fixture(autouse=True)
def _table() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE copied (number integer, said text, data jsonb)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE copied")


COPY = "COPY copied (number, said, data) FROM STDIN"


def stored() -> list[tuple[int, str | None, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT number, said, data::text FROM copied ORDER BY number")
        return list(cursor.fetchall())


def test_every_text_comes_back_as_it_was() -> None:
    with transaction.atomic(), copying(COPY) as write:
        for number, text in enumerate(TEXTS):
            data = json_field(orjson.dumps({"said": text}).decode())
            write([f"{number}\t{text_field(text)}\t{data}\n"])
        write([f"{len(TEXTS)}\t{text_field(None)}\t{NULL}\n"])

    found = stored()
    assert [said for _, said, _ in found] == [*TEXTS, None]
    assert [orjson.loads(data)["said"] for *_, data in found[:-1]] == list(TEXTS)


def test_a_line_that_is_wrong_raises_what_django_knows() -> None:
    with pytest.raises(DataError), transaction.atomic(), copying(COPY) as write:
        write(["1\tgood\t{}\n", "no number\tbad\t{}\n"])

    assert stored() == []


def test_who_gives_up_in_the_middle_stores_nothing_and_may_go_on() -> None:
    def give_up() -> None:
        with transaction.atomic(), copying(COPY) as write:
            write(["1\tgood\t{}\n"])
            raise KeyError

    with pytest.raises(KeyError):
        give_up()

    with transaction.atomic(), copying(COPY) as write:
        write(["2\tgood\t{}\n"])
    assert [number for number, *_ in stored()] == [2]

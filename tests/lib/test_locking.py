"""Advisory locks: one has it, others wait or pass, and it is given back whatever happens."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from btc_watcher.lib.locking import lock_held, lock_taken
from btc_watcher.lib.locks import PARTITION_MOVER, WATCH_ROUND
from tests.lib.test_partitions_database import query

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)

LOCK, SECONDS = WATCH_ROUND, 20
COUNT = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    """Another session."""
    given = connection.get_connection_params()
    names = ("host", "port", "user", "dbname", "password")
    where = {name: given[name] for name in names if given.get(name)}
    with psycopg.connect(**where, autocommit=True) as session:
        yield session


def is_free(other: psycopg.Connection) -> bool:
    """Tell whether another session gets the lock at once."""
    with other.transaction():
        taken = other.execute(LOCK.take(wait=False, session=False), LOCK.values)
        return taken.fetchone() == (True,)


def test_in_a_transaction_it_is_held_to_its_end(other: psycopg.Connection) -> None:
    with transaction.atomic():
        assert lock_taken(LOCK)
        assert not is_free(other)
    assert is_free(other)


def test_it_falls_with_a_transaction_that_is_rolled_back(
    other: psycopg.Connection,
) -> None:
    with transaction.atomic():
        assert lock_taken(LOCK, wait=True)
        assert not is_free(other)
        transaction.set_rollback(True)
    assert is_free(other)


def test_a_second_one_passes_or_waits(other: psycopg.Connection) -> None:
    other.execute(LOCK.take(wait=True, session=True), LOCK.values)
    with transaction.atomic():
        assert not lock_taken(LOCK)
    with lock_held(LOCK) as ours:
        assert not ours
    # Who had not got it has given nothing back.
    assert other.execute(COUNT).fetchone() == (1,)
    begun, waited = threading.Event(), threading.Event()

    def wait() -> None:
        try:
            with transaction.atomic():
                begun.set()
                assert lock_taken(LOCK, wait=True)
                waited.set()
        finally:
            connection.close()

    thread = threading.Thread(target=wait)
    thread.start()
    assert begun.wait(SECONDS)
    assert not waited.wait(0.2)
    other.execute(LOCK.give_back(), LOCK.values)
    assert waited.wait(SECONDS)
    thread.join(SECONDS)


def test_in_a_session_it_is_held_over_transactions(other: psycopg.Connection) -> None:
    with lock_held(LOCK, wait=True) as ours:
        assert ours
        for _ in range(2):
            with transaction.atomic():
                query("SELECT 1")
            assert not is_free(other)
    assert is_free(other)


def test_an_error_inside_gives_it_back(other: psycopg.Connection) -> None:
    with pytest.raises(RuntimeError), lock_held(LOCK):
        raise RuntimeError
    assert is_free(other)


def test_it_is_given_back_by_a_session_whose_transaction_has_failed(
    other: psycopg.Connection,
) -> None:
    def broken() -> None:
        # The context ends while the transaction, which takes no statement, goes on.
        with transaction.atomic(), lock_held(LOCK):
            query("SELECT 1 / 0")

    with pytest.raises(DatabaseError):
        broken()
    assert is_free(other)
    assert query("SELECT 1") == [(1,)]


def test_a_lost_connection_has_let_go_and_raises_nothing_of_its_own(
    other: psycopg.Connection,
) -> None:
    with lock_held(LOCK) as ours:
        assert ours
        ((pid,),) = query("SELECT pg_backend_pid()")
        ended = other.execute("SELECT pg_terminate_backend(%s, 20000)", [pid])
        assert ended.fetchone() == (True,)
    assert is_free(other)
    connection.close()
    with lock_held(LOCK):
        connection.close()
    ends = time.monotonic() + SECONDS
    while not is_free(other):
        assert time.monotonic() < ends


def test_one_of_many_does_not_keep_the_others_out(other: psycopg.Connection) -> None:
    one, two = PARTITION_MOVER.of("one"), PARTITION_MOVER.of("two")
    with lock_held(one) as first, lock_held(two) as second:
        assert (first, second) == (True, True)
        taken = other.execute(one.take(wait=False, session=True), one.values)
        assert taken.fetchone() == (False,)
    assert query(COUNT) == [(0,)]

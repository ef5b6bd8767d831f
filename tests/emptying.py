"""Empties the database after a test that commits, in a fraction of Django's time.

Django truncates every table, whatever is in it, and makes permissions and content types
again. Here that is fifty tables with two hundred indexes, each in files of its own: half
a second for each of some thousand tests, most of which leave rows in a few tables.
PostgreSQL knows in which: a table that was never written, or truncated, has no page.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction
from django.test import TransactionTestCase

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.utils import CursorWrapper

# The stubs know nothing of what it keeps to itself.
CASE: Any = TransactionTestCase
# What is filled after every migration, by Django and by us (the groups of the roles).
AFTER_MIGRATING = (
    *("auth_permission", "django_content_type", "django_migrations"),
    *("auth_group", "auth_group_permissions"),
)

# Tables and partitions with pages, each with the table that it is a partition of.
WRITTEN = """
    WITH relation AS (
        SELECT oid, coalesce(pg_partition_root(oid), oid) AS root
        FROM pg_class WHERE relkind = 'r' AND pg_relation_size(oid) > 0
    )
    SELECT oid::regclass::text, root::regclass::text
    FROM relation WHERE root = ANY(%s::regclass[])
"""
REFERENCES = """
    SELECT DISTINCT coalesce(pg_partition_root(conrelid), conrelid)::regclass::text,
           coalesce(pg_partition_root(confrelid), confrelid)::regclass::text
    FROM pg_constraint WHERE contype = 'f'
"""
CONTENT = "SELECT md5(string_agg(line::text, ' ' ORDER BY id)) FROM {} line"


class Emptying:
    """What ends tests that commit; knows in each database what was made by migrating."""

    def __init__(self) -> None:
        self._known: dict[str, list[Any]] = {}
        self._as_django_does = CASE._fixture_teardown

    def install(self) -> None:
        """Let every test that commits end here."""

        def teardown(test: Any) -> None:
            self.teardown(test)

        CASE._fixture_teardown = teardown

    def teardown(self, test: Any) -> None:
        """Empty the databases of ``test``."""
        aliases = list(test._databases_names(include_mirrors=False))
        ordinary = test.available_apps is None and not test.serialized_rollback
        if ordinary and all(self._empty(alias) for alias in aliases):
            return
        self._as_django_does(test)
        for alias in aliases:
            with connections[alias].cursor() as cursor:
                self._known[alias] = made_by_migrating(cursor)
            # What was made again is in the audit.
            self._empty(alias)

    def _empty(self, alias: str) -> bool:
        """Empty one, unless the rows made after migrating are not as they were."""
        if alias not in self._known:
            return False
        connection = connections[alias]
        names = connection.introspection.django_table_names(
            only_existing=True, include_views=False
        )
        tables = sorted(set(names) - set(AFTER_MIGRATING))
        with transaction.atomic(alias), connection.cursor() as cursor:
            # As TRUNCATE does: what other processes are writing is waited for.
            cursor.execute(f"LOCK TABLE {quoted(connection, tables)}")
            if made_by_migrating(cursor) != self._known[alias]:
                return False
            empty(cursor, tables)
        return True


def made_by_migrating(cursor: CursorWrapper) -> list[Any]:
    """Return something that changes with any row that was made by migrating."""
    contents = []
    for table in AFTER_MIGRATING:
        cursor.execute(CONTENT.format(table))
        contents.append(cursor.fetchone())
    return contents


def empty(cursor: CursorWrapper, tables: list[str]) -> None:
    """Take all rows out of ``tables``, which nobody else can be writing.

    Truncated tables need new files, and so do those that reference them, empty or not:
    what is referenced has few rows, which are deleted, after those that reference them.
    That they were is written into the audit, so the first are truncated once more.
    """
    written = written_of(cursor, tables)
    order: TopologicalSorter[str] = TopologicalSorter()
    referenced = set()
    cursor.execute(REFERENCES)
    for child, parent in cursor.fetchall():
        referenced.add(parent)
        order.add(parent, *{child} - {parent})
    truncate(cursor, [name for name, root in written if root not in referenced])
    place = {table: number for number, table in enumerate(order.static_order())}
    left = [(place[root], name) for name, root in written if root in referenced]
    for _, name in sorted(left):
        cursor.execute(f"DELETE FROM {name}")  # noqa: S608 - PostgreSQL's own quoting
    if left:
        again = written_of(cursor, tables)
        truncate(cursor, [name for name, root in again if root not in referenced])


def written_of(cursor: CursorWrapper, tables: list[str]) -> list[tuple[str, str]]:
    """Return those of ``tables`` and their partitions that have pages, with the root."""
    cursor.execute(WRITTEN, [tables])
    written: list[tuple[str, str]] = cursor.fetchall()
    return written


def truncate(cursor: CursorWrapper, names: list[str]) -> None:
    """Truncate tables, if there are any."""
    if names:
        cursor.execute(f"TRUNCATE {', '.join(names)}")


def quoted(connection: BaseDatabaseWrapper, tables: list[str]) -> str:
    """Return the names as SQL."""
    return ", ".join(connection.ops.quote_name(table) for table in tables)

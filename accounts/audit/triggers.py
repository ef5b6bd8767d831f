"""Puts the triggers of the audit on their tables, after each migration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from accounts.audit.tables import FUNCTION, TABLES, WATCHED

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

FUNCTIONS: Final = Path(__file__).with_name("functions.sql")
THERE: Final = """
SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE c.relnamespace = current_schema()::regnamespace
   AND t.tgname LIKE %s AND NOT t.tgisinternal
"""


def functions_install(connection: BaseDatabaseWrapper) -> None:
    """Make or replace the functions; a change of the file needs a migration that calls."""
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS.read_text(encoding="utf-8"))


def triggers_keep(connection: BaseDatabaseWrapper) -> list[str]:
    """Make the triggers equal to ``tables.WATCHED``; return the statements that ran.

    One query when nothing is to be done. Tables that do not exist yet are left for the
    migration that makes them.
    """
    tables = set(connection.introspection.table_names())
    wanted = {
        (watched.table, name): statement
        for watched in WATCHED
        if watched.table in tables
        for name, statement in watched.triggers().items()
    }
    ran = []
    with connection.cursor() as cursor:
        cursor.execute(THERE, [f"{FUNCTION}\\_%"])
        there = {(table, name) for table, name in cursor.fetchall() if table in TABLES}
        for table, name in sorted(there - wanted.keys()):
            ran.append(f"DROP TRIGGER {name} ON {table}")
        ran += [wanted[key] for key in sorted(wanted.keys() - there)]
        for statement in ran:
            cursor.execute(statement)
    return ran

"""Operations that Django 5.2 has no word for."""

from __future__ import annotations

from django.db.migrations import RunSQL


def cascade(table: str, column: str, target: str) -> RunSQL:
    """Add a foreign key with ON DELETE CASCADE in the database itself.

    Django deletes dependent rows in Python; the specification wants the rule
    to hold for every client. Names are ours, never a user's.
    """
    constraint = f"{table}_{column}_fkey"
    return RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {constraint}"
        f" FOREIGN KEY ({column}) REFERENCES {target} (id) ON DELETE CASCADE",
        f"ALTER TABLE {table} DROP CONSTRAINT {constraint}",
    )

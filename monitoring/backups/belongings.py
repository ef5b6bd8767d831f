"""What belongs to a database and is in no dump of it: rights on it, settings of roles.

A dump holds tables, functions and the rights on them. Who may connect, who may make
temporary tables, and what the sessions of a role begin with is kept by the server for
the database, and would be gone with it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PUBLIC: Final = ""
RIGHTS: Final = """
SELECT coalesce(r.rolname, ''), a.privilege_type FROM pg_database d,
LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE d.datname = current_database() AND a.grantee <> d.datdba ORDER BY 1, 2
"""
SETTINGS: Final = """
SELECT coalesce(r.rolname, ''), unnest(s.setconfig) FROM pg_db_role_setting s
JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE d.datname = current_database() ORDER BY 1, 2
"""
PRIVILEGES: Final = ("CONNECT", "CREATE", "TEMPORARY")
# Lists of names are stored as they are written in SQL; all else is a plain text.
LISTS: Final = ("search_path", "temp_tablespaces", "session_preload_libraries")
NAME: Final = r'(?:"(?:[^"]|"")+"|[A-Za-z_$][\w$]*)'
NAMES: Final = re.compile(rf"{NAME}(?:\s*,\s*{NAME})*")
# Functions with their owner's rights, which everybody may call while nobody says no.
OPEN_FUNCTIONS: Final = """
SELECT p.oid::regprocedure::text FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosecdef AND p.proacl IS NULL
AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
AND pg_has_role(p.proowner, 'USAGE') AND NOT EXISTS (SELECT FROM pg_depend x
  WHERE x.objid = p.oid AND x.classid = 'pg_proc'::regclass AND x.deptype = 'e')
ORDER BY 1
"""

ByRole = dict[str, tuple[str, ...]]


def rights_of(connection: psycopg.Connection) -> ByRole:
    """Return what each role but the owner may do with the database; "" is everybody."""
    return _by_role(connection.execute(RIGHTS))


def settings_of(connection: psycopg.Connection) -> ByRole:
    """Return what sessions of each role begin with (name=value); "" are all roles."""
    return _by_role(connection.execute(SETTINGS))


def belongings_give(
    connection: psycopg.Connection,
    rights: Mapping[str, Sequence[str]],
    settings: Mapping[str, Sequence[str]],
) -> list[str]:
    """Give the database of ``connection`` rights and settings; return what was refused.

    Roles that there are not are passed over.
    """
    there = {
        str(name) for (name,) in connection.execute("SELECT rolname FROM pg_roles")
    }
    there.add(PUBLIC)
    database = sql.Identifier(connection.info.dbname)
    statements = [*_grants(database, rights, there), *_sets(database, settings, there)]
    refused = []
    for text in statements:
        try:
            connection.execute(text)
        except psycopg.Error as error:
            words = text.as_string(connection).replace(connection.info.dbname, "…")
            refused.append(f"{words} ({str(error).partition(chr(10))[0]})")
    return refused


def functions_close(connection: psycopg.Connection) -> None:
    """Let nobody but the owner call functions that were restored without rights."""
    names = [str(name) for (name,) in connection.execute(OPEN_FUNCTIONS)]
    for name in names:
        # Written by PostgreSQL's regprocedure, which quotes what needs it.
        connection.execute(sql.SQL(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC"))


def _by_role(rows: Any) -> ByRole:
    found: dict[str, list[str]] = {}
    for role, value in rows:
        found.setdefault(str(role), []).append(str(value))
    return {role: tuple(values) for role, values in found.items()}


def _grants(
    database: sql.Identifier, rights: Mapping[str, Sequence[str]], there: set[str]
) -> Iterator[sql.Composed]:
    if not rights:
        return
    yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database)
    for role, privileges in rights.items():
        known = [name for name in privileges if name in PRIVILEGES]
        if role in there and known:
            text = sql.SQL("GRANT {} ON DATABASE {} TO {}")
            yield text.format(sql.SQL(", ".join(known)), database, _role(role))


def _sets(
    database: sql.Identifier, settings: Mapping[str, Sequence[str]], there: set[str]
) -> Iterator[sql.Composed]:
    for role, values in settings.items():
        whose = sql.SQL("DATABASE {}").format(database)
        if role != PUBLIC:
            text = sql.SQL("ROLE {} IN DATABASE {}")
            whose = text.format(sql.Identifier(role), database)
        for each in values if role in there else ():
            name, _equal, value = each.partition("=")
            plain = name not in LISTS or NAMES.fullmatch(value) is None
            yield sql.SQL("ALTER {} SET {} = {}").format(
                whose,
                sql.SQL(".").join(map(sql.Identifier, name.split("."))),
                sql.Literal(value) if plain else sql.SQL(value),
            )


def _role(role: str) -> sql.Composable:
    return sql.SQL("PUBLIC") if role == PUBLIC else sql.Identifier(role)

"""The statements that make an owner and an application role; nothing here runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from psycopg import sql

from btc_watcher.lib.partition_functions import CALLABLE, PARTS
from monitoring.roles.belongings import ROUTINE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.roles.belongings import Thing

INHERIT_SINCE: Final = 160_000
# What the application may never hold, in any way.
POWERS: Final = "NOSUPERUSER NOCREATEDB NOCREATEROLE"
ROWS: Final = "SELECT, INSERT, UPDATE, DELETE"
# Of every connection of the application role, whatever program makes it.
ROLE_SETTINGS: Final = {
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "10min",
    "jit": "off",
}
# Read by the application, written by migrations alone.
READ_ONLY_TABLES: Final = ("django_migrations",)


@dataclass(frozen=True, slots=True)
class Names:
    """The roles, and where the tables are."""

    owner: str
    application: str
    database: str
    schema: str

    def quoted(self) -> dict[str, sql.Identifier]:
        """Return the names, ready to be put into a statement."""
        return {
            "owner": sql.Identifier(self.owner),
            "app": sql.Identifier(self.application),
            "database": sql.Identifier(self.database),
            "schema": sql.Identifier(self.schema),
        }


def role_make(role: str, verifier: str, powers: str) -> sql.Composed:
    """Make a role that logs in; ``verifier`` is the SCRAM verifier of its password."""
    text = sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}")
    return text.format(sql.Identifier(role), sql.SQL(powers), sql.Literal(verifier))


def role_password(role: str, verifier: str) -> sql.Composed:
    """Give ``role`` another password."""
    text = sql.SQL("ALTER ROLE {} PASSWORD {}")
    return text.format(sql.Identifier(role), sql.Literal(verifier))


def membership(names: Names, version: int) -> sql.Composed:
    """Let the owner end sessions of the application, which a restore has to.

    ``version`` is the server's. Since PostgreSQL 16 who has made a role may give it, and
    has none of its rights.
    """
    text = "GRANT {app} TO {owner}" + (
        " WITH INHERIT TRUE" if version >= INHERIT_SINCE else ""
    )
    return sql.SQL(text).format(**names.quoted())


def application_grants(
    names: Names, relations: list[str], sequences: list[str], read_only: list[str]
) -> Iterator[sql.Composed]:
    """Yield what lets the application read and write rows, and do nothing else.

    Each may be repeated. ``relations`` and ``sequences`` are ours, ``read_only`` are
    those of READ_ONLY_TABLES that exist.
    """
    tables = _listed(names, relations)
    places = names.quoted() | {"tables": tables, "few": _listed(names, read_only)}
    places["sequences"] = _listed(names, sequences)
    for text in (
        # Before PostgreSQL 15 everybody could make tables here.
        "REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC",
        "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {database} TO {app}",
        "REVOKE ALL ON SCHEMA {schema} FROM {app}",
        "GRANT USAGE ON SCHEMA {schema} TO {app}",
        *(["REVOKE ALL ON {tables} FROM {app}"] if relations else []),
        *([f"GRANT {ROWS} ON {{tables}} TO {{app}}"] if relations else []),
        *(
            ["GRANT USAGE, SELECT ON SEQUENCE {sequences} TO {app}"]
            if sequences
            else []
        ),
        # What later migrations and new months make.
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema}"
        f" GRANT {ROWS} ON TABLES TO {{app}}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema}"
        " GRANT USAGE, SELECT ON SEQUENCES TO {app}",
        *(["REVOKE INSERT, UPDATE, DELETE ON {few} FROM {app}"] if read_only else []),
    ):
        yield sql.SQL(text).format(**places)
    yield from _function_grants(names)


def _listed(names: Names, relations: list[str]) -> sql.Composed:
    found = [sql.Identifier(names.schema, name) for name in relations]
    return sql.SQL(", ").join(found)


def _function_grants(names: Names) -> Iterator[sql.Composed]:
    quoted = names.quoted()
    for function in (*CALLABLE, *PARTS):
        # A restore without rights lets everybody call them.
        text = f"REVOKE ALL ON FUNCTION {{}}.{function} FROM PUBLIC, {{}}"
        yield sql.SQL(text).format(quoted["schema"], quoted["app"])
    for function in CALLABLE:
        text = f"GRANT EXECUTE ON FUNCTION {{}}.{function} TO {{}}"
        yield sql.SQL(text).format(quoted["schema"], quoted["app"])


def application_settings(names: Names) -> Iterator[sql.Composed]:
    """Yield the settings that every connection of the application begins with."""
    settings = ROLE_SETTINGS | {"search_path": names.schema}
    for key, value in settings.items():
        text = f"ALTER ROLE {{app}} IN DATABASE {{database}} SET {key} = {{value}}"
        yield sql.SQL(text).format(**names.quoted(), value=sql.Literal(value))


def ownership(names: Names, things: list[Thing]) -> Iterator[sql.Composed]:
    """Yield what gives the owner the schema and ``things`` that are in it."""
    quoted = names.quoted()
    yield sql.SQL("GRANT CREATE, USAGE ON SCHEMA {schema} TO {owner}").format(**quoted)
    yield sql.SQL("GRANT CONNECT, CREATE ON DATABASE {database} TO {owner}").format(
        **quoted
    )
    for thing in things:
        # PostgreSQL has written a routine's signature, and quoted what needs it.
        routine = thing.kind == ROUTINE
        place = sql.SQL(thing.name) if routine else _listed(names, [thing.name])
        text = sql.SQL(f"ALTER {thing.kind} {{}} OWNER TO {{}}")
        yield text.format(place, quoted["owner"])

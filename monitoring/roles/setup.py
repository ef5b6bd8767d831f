"""Making the roles, as often as one likes; run it as the owner or an administrator."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from django.db import DatabaseError, connection, transaction

from btc_watcher.lib.errors import BtcWatcherError
from monitoring.roles import statements
from monitoring.roles.belongings import ROUTINE, SEQUENCE, TYPE, belongings, named
from monitoring.roles.statements import Names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import sql

    from monitoring.roles.belongings import Thing

# Activity, sizes and statements of other roles: what the pages of the database show.
# Not pg_monitor: it also reads settings, and a replica's password stands in one.
STATISTICS: Final = "pg_read_all_stats"
# Members of these read and write what is nobody's business, or run programs.
MIGHTY: Final = (
    "pg_execute_server_program",
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_write_all_data",
    "pg_database_owner",
)
# Relations of the schema on which a role was given rights by name.
GIVEN: Final = """
SELECT DISTINCT relname FROM pg_class, aclexplode(relacl) a
  JOIN pg_roles r ON r.oid = a.grantee
 WHERE relnamespace = current_schema()::regnamespace AND rolname = %s
"""


class RolesError(BtcWatcherError):
    """The roles could not be made; nothing was changed."""


@dataclass(slots=True)
class RolesDone:
    """What was done: new ``passwords`` by role, sentences for people, and refusals.

    ``left`` is what is in the schema and belongs to other roles: it is as it was.
    """

    names: Names
    passwords: dict[str, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def url(self, role: str) -> str:
        """Return the address of the database for ``role``, with its new password."""
        parameters = connection.get_connection_params()
        kept = ("sslmode", "sslrootcert", "sslcert", "sslkey")
        query = urlencode({key: parameters[key] for key in kept if key in parameters})
        port = f":{parameters['port']}" if parameters.get("port") else ""
        host = parameters.get("host") or "localhost"
        place = quote(host, safe="") if host.startswith("/") else host
        if ":" in place:
            place = f"[{place.strip('[]')}]"
        return (
            f"postgres://{quote(role, safe='')}:{quote(self.passwords[role], safe='')}"
            f"@{place}{port}/{quote(self.names.database, safe='')}"
            + (f"?{query}" if query else "")
        )


def roles_setup(
    *,
    application: str,
    owner: str = "",
    new_password: bool = False,
    password: str = "",
) -> RolesDone:
    """Make the roles with what each may do, in one transaction; may be repeated.

    ``owner`` empty takes the current role, which then must own the tables. A role that
    exists keeps its password unless ``new_password``; ``password`` is the application's,
    random when empty. What other roles have in the schema is left alone. Raises
    RolesError when the current role may not do it.
    """
    try:
        with transaction.atomic():
            return _setup(application, owner, new_password, password)
    except DatabaseError as error:
        reason = str(error).partition("\n")[0]
        raise RolesError(
            f"The roles could not be made: {reason}. Use a DATABASE_URL of the tables'"
            " owner with CREATEROLE, or of an administrator."
        ) from error


def _setup(
    application: str,
    owner: str,
    new_password: bool,  # noqa: FBT001 - private
    password: str,
) -> RolesDone:
    current, database, schema = _row(
        "SELECT current_user, current_database(), current_schema()"
    )
    names = Names(owner or current, application, database, schema)
    _check(names)
    done = RolesDone(names)
    found = belongings()
    if names.owner != current:
        # To make and fill a scratch database is part of proving a backup.
        _role_ensure(done, names.owner, "CREATEDB", "", new_password=new_password)
    if names.owner != current or (names.owner == found.owner and found.strays):
        _own(done, found.ours, current)
    _role_ensure(
        done, application, statements.POWERS, password, new_password=new_password
    )
    _grant(names, found.ours)
    done.steps.append(f"{application} may read and write rows, and nothing else.")
    _tell_others(done, found.others)
    _grant_statistics(done)
    _grant_sessions(done)
    return done


def _check(names: Names) -> None:
    if names.application == names.owner:
        raise RolesError(
            f"Owner and application are both {names.owner!r}; the application needs a"
            " role of its own: --application NAME."
        )
    (taken,) = _row(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s AND"
        " (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls))"
        " OR EXISTS (SELECT FROM pg_class JOIN pg_roles r ON r.oid = relowner"
        " WHERE rolname = %s)",
        names.application,
        names.application,
    )
    if taken:
        raise RolesError(
            f"The role {names.application!r} exists and owns tables or may make roles or"
            " databases; choose another name with --application."
        )
    mighty = _rows(
        "SELECT g.rolname FROM pg_roles g, pg_roles a WHERE a.rolname = %s"
        " AND g.oid <> a.oid AND pg_has_role(a.oid, g.oid, 'MEMBER')"
        " AND (g.rolname = ANY (%s) OR g.rolsuper OR g.rolcreaterole)",
        names.application,
        [*MIGHTY, names.owner],
    )
    if mighty:
        raise RolesError(
            f"The role {names.application!r} is a member of {mighty[0][0]!r} and may do"
            " what that one may; take it out (REVOKE … FROM …), or choose another name"
            " with --application."
        )


def _role_ensure(
    done: RolesDone, role: str, powers: str, password: str, *, new_password: bool
) -> None:
    (there,) = _row("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", role)
    if there and not (new_password or password):
        done.steps.append(f"{role} exists and keeps its password.")
        return
    chosen = password or secrets.token_urlsafe(32)
    verifier = _verifier(role, chosen)
    if there:
        _run([statements.role_password(role, verifier)])
    else:
        _run([statements.role_make(role, verifier, powers)])
    done.passwords[role] = chosen
    done.steps.append(f"{role} {'has a new password' if there else 'was made'}.")


def _verifier(role: str, password: str) -> str:
    """Return what the server keeps of ``password``, so that no statement holds it.

    Statements are shown in pg_stat_activity and pg_stat_statements.
    """
    connection.ensure_connection()
    raw: Any = connection.connection
    made: bytes = raw.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    )
    return made.decode()


def _own(done: RolesDone, ours: list[Thing], current: str) -> None:
    names = done.names
    (administrator,) = _row(
        "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    )
    if names.owner != current and not administrator:
        # Since PostgreSQL 16 having made a role is not enough to hand things to it.
        quoted = names.quoted()["owner"].as_string(None)
        with connection.cursor() as cursor:
            cursor.execute(f"GRANT {quoted} TO CURRENT_USER")
    # A sequence of a column goes with its table.
    moved = [each for each in ours if each.owner != names.owner and not each.inner]
    _run(statements.ownership(names, moved))
    done.steps.append(
        f"{names.owner} owns what is ours in the schema; {len(moved)} were another's."
    )


def _grant(names: Names, ours: list[Thing]) -> None:
    sequences = [each.name for each in ours if each.kind == SEQUENCE]
    relations = [
        each.name for each in ours if each.kind not in (SEQUENCE, ROUTINE, TYPE)
    ]
    read_only = [name for name in statements.READ_ONLY_TABLES if name in relations]
    _run(statements.application_grants(names, relations, sequences, read_only))
    _run(statements.application_settings(names))


def _tell_others(done: RolesDone, others: list[Thing]) -> None:
    done.left = [each.words() for each in others]
    if not others:
        return
    role = done.names.application
    done.steps.append(
        f"Left alone, because other roles own them: {len(others)} of the schema"
        f" ({named(others)}). {role} got no new rights there."
    )
    given = {name for (name,) in _rows(GIVEN, role)}
    held = [e for e in others if e.kind not in (ROUTINE, TYPE) and e.name in given]
    if held:
        # Who gave them cannot be told: an administrator gives in the owner's name.
        done.steps.append(
            f"{role} has rights on {len(held)} of these ({named(held)}): their owners or"
            " an earlier setup_roles gave them. To take away what it should not have:"
            f" REVOKE ALL ON NAME FROM {role}"
        )


def _grant_statistics(done: RolesDone) -> None:
    application = done.names.quoted()["app"].as_string(None)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"GRANT {STATISTICS} TO {application}")
    except DatabaseError as error:
        reason = str(error).partition("\n")[0]
        done.refused.append(
            f"{STATISTICS} was not granted ({reason}): pages show the statements of"
            f" {done.names.application} alone. An administrator can run:"
            f" GRANT {STATISTICS} TO {application}"
        )


def _server_version() -> int:
    (version,) = _row("SELECT current_setting('server_version_num')::int")
    return int(version)


def _grant_sessions(done: RolesDone) -> None:
    names = done.names
    try:
        with transaction.atomic():
            _run([statements.membership(names, _server_version())])
    except DatabaseError as error:
        reason = str(error).partition("\n")[0]
        done.refused.append(
            f"{names.owner} was not made a member of {names.application} ({reason}): a"
            " restore over a live database cannot end its sessions. Stop the system"
            " before one."
        )


def _run(texts: Iterable[sql.Composed]) -> None:
    with connection.cursor() as cursor:
        for text in texts:
            cursor.execute(text)


def _rows(text: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _row(text: str, *values: Any) -> tuple[Any, ...]:
    return _rows(text, *values)[0]

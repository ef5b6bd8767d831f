"""Is the way to the database encrypted and proven, is the role modest, who owns what?

For the doctor. All answer with facts; the words and cures are ready to be shown.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.utils.translation import gettext as _

from monitoring.roles.belongings import belongings, named

# In the order of the columns that role_state asks for.
POWERS: Final = (
    "superuser",
    "makes roles",
    "makes databases",
    "makes tables",
    "owns the tables",
    "truncates tables",
)
OK: Final = "ok"
WARNING: Final = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """``state`` is ok or warning; ``cure`` is empty when there is nothing to do."""

    state: str
    said: str
    cure: str
    facts: dict[str, Any]


def tls_state() -> Finding:
    """Tell how the connection to PostgreSQL is protected; needs the database.

    Well are: the own machine, and TLS with the server's name and certificate checked.
    """
    parameters = connection.get_connection_params()
    host = str(parameters.get("host") or "")
    mode = str(parameters.get("sslmode") or "prefer")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ssl, version, cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        )
        encrypted, version, cipher = cursor.fetchone() or (False, None, None)
    facts = {
        "host": host,
        "sslmode": mode,
        "encrypted": bool(encrypted),
        "version": version,
        "cipher": cipher,
    }
    if _is_this_machine(host):
        return Finding(OK, _("PostgreSQL is on this machine."), "", facts)
    cure = _(
        "Add ?sslmode=verify-full&sslrootcert=/path/of/ca.crt to DATABASE_URL, and give"
        " the server a certificate for its name."
    )
    if not encrypted:
        said = _("The connection to PostgreSQL on %(host)s is not encrypted.")
        return Finding(WARNING, said % facts, cure, facts)
    if mode != "verify-full":
        said = _(
            "The connection to PostgreSQL on %(host)s is encrypted, but nothing proves"
            " that it is the right server (sslmode=%(sslmode)s)."
        )
        return Finding(WARNING, said % facts, cure, facts)
    said = _("The connection to %(host)s is encrypted and proven (%(version)s).")
    return Finding(OK, said % facts, "", facts)


def role_state() -> Finding:
    """Tell what the role of DATABASE_URL could destroy; needs the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper, rolcreaterole, rolcreatedb,"
            " has_schema_privilege(current_schema(), 'CREATE'),"
            " pg_has_role((SELECT relowner FROM pg_class"
            "   WHERE oid = to_regclass('signals')), 'MEMBER'),"
            " has_table_privilege('signals', 'TRUNCATE')"
            " FROM pg_roles WHERE rolname = current_user"
        )
        row = cursor.fetchone() or (None,) * 7
    powers = [name for name, held in zip(POWERS, row[1:], strict=True) if held]
    facts: dict[str, Any] = {"role": row[0], "powers": powers}
    if not powers:
        said = _("The role %(role)s reads and writes rows, and nothing else.")
        return Finding(OK, said % facts, "", facts)
    said = _("The role %(role)s could drop or change tables.")
    cure = _(
        "Run manage.py setup_roles once, and give the system the DATABASE_URL of the"
        " application role; migrations go on using this one."
    )
    return Finding(WARNING, said % facts, cure, facts)


def owners_state() -> Finding:
    """Tell whether one role owns all that is ours; needs the database and its tables.

    What other roles have beside it in the schema is theirs, and nobody is told of it.
    """
    found = belongings()
    strays = found.strays
    names = [each.words() for each in strays]
    facts: dict[str, Any] = {"owner": found.owner, "strays": names}
    if not strays:
        said = _("%(owner)s owns all tables and functions of BTC Watcher.")
        return Finding(OK, said % facts, "", facts)
    said = _(
        "Of the tables and functions of BTC Watcher %(count)d do not belong to %(owner)s:"
        " %(names)s."
    ) % {"count": len(strays), "owner": found.owner, "names": named(strays)}
    cure = _(
        "Run manage.py setup_roles --owner %(owner)s with the DATABASE_URL of an"
        " administrator; what belongs to others it leaves alone."
    )
    return Finding(WARNING, said, cure % facts, facts)


def _is_this_machine(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

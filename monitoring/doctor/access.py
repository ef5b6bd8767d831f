"""Who we are for PostgreSQL, how we get there, and what we may see."""

from __future__ import annotations

import contextlib

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from monitoring.backups.selectors import backups_list
from monitoring.backups.servers import server_of_backups
from monitoring.backups.shapes import State
from monitoring.database.bounded import rows_read
from monitoring.database.statements import statements_slow
from monitoring.doctor.reach import database_is_near
from monitoring.doctor.shapes import Facts, Finding, check, failed, ok, warning
from monitoring.roles.checks import OK, owners_state, role_state, tls_state
from monitoring.roles.setup import STATISTICS


@check("database.role", gettext_lazy("Role"), needs="database.migrations")
def role(_facts: Facts) -> Finding:
    """The application cannot drop or change tables."""
    found = role_state()
    name = str(found.facts["role"])
    if "superuser" in found.facts["powers"]:
        words = _(
            "BTC Watcher works as %(name)s, who may do everything on the server."
        ) % {"name": name}
        return failed(words, found.cure, name)
    if found.state == OK:
        return ok(found.said, name)
    return warning(found.said, found.cure, name)


@check("database.owners", gettext_lazy("Owner"), needs="database.migrations")
def owners(_facts: Facts) -> Finding:
    """All tables belong to one role, which migrations and months need."""
    found = owners_state()
    owner = str(found.facts["owner"])
    if found.state == OK:
        return ok(found.said, owner)
    return warning(found.said, found.cure, owner)


@check(
    "database.tls",
    gettext_lazy("Encryption of the connection"),
    needs="database.reachable",
)
def tls(_facts: Facts) -> Finding:
    """A connection over a network is encrypted, and the server proves who it is.

    In the clear it may go where strangers cannot listen: that is a warning.
    """
    found = tls_state()
    mode = str(found.facts["sslmode"])
    if found.state == OK:
        return ok(found.said, mode if found.facts["encrypted"] else "local")
    if found.facts["encrypted"]:
        return warning(found.said, found.cure, mode)
    if not database_is_near():
        return failed(found.said, found.cure, mode)
    near = _("It stays in a private network, as between containers of one machine.")
    cure = _("Where others share that network: %(cure)s") % {"cure": found.cure}
    return warning(f"{found.said} {near}", cure, mode)


@check(
    "database.statements",
    gettext_lazy("Statistics of statements"),
    needs="database.reachable",
)
def statistics(_facts: Facts) -> Finding:
    """Slow statements can be seen, also those of other roles."""
    (row,) = rows_read(
        "SELECT quote_ident(current_user) AS name,"
        f" pg_has_role(current_user, '{STATISTICS}', 'USAGE') AS sees"
    )
    if not row["sees"]:
        return warning(
            _("The role %(name)s may not see what other roles do.") % row,
            _("An administrator of the server can run: %(statement)s")
            % {"statement": f"GRANT {STATISTICS} TO {row['name']}"},
        )
    found = statements_slow(limit=5)
    if found.rows and not found.problem:
        return ok(_("Slow statements can be seen."))
    return warning(
        _("Slow statements cannot be seen, or not all."),
        found.problem or _("Wait until statements were run."),
    )


@check("backups.role", gettext_lazy("Role for backups"), needs="database.reachable")
def maker(_facts: Facts) -> Finding:
    """It may make the database that a backup is restored into on trial."""
    with contextlib.closing(server_of_backups().connect()) as connection:
        row = connection.execute(
            "SELECT rolname, rolsuper OR rolcreatedb FROM pg_roles"
            " WHERE rolname = current_user"
        ).fetchone()
    name, able = row or ("?", False)
    told = {"name": name}
    if able:
        return ok(
            _("%(name)s may make the database for the trial restore.") % told, name
        )
    newest = next(iter(backups_list()), None)
    if newest is not None and newest.state is State.GOOD:
        # Whoever makes them knows another address than this process does.
        return ok(_("The newest backup was restored on trial."), name)
    return warning(
        _("%(name)s may not make databases, so no backup can be restored on trial.")
        % told,
        _(
            "Give the process that makes backups the owner's address in"
            " BTCW_BACKUP_DATABASE_URL, or run as an administrator: ALTER ROLE … CREATEDB."
        ),
        name,
    )

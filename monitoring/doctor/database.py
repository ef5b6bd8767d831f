"""PostgreSQL: is it there, is it the right one, is its schema whole."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from btc_watcher.lib import partitions
from monitoring.database.activity import connections_now
from monitoring.database.bounded import rows_read
from monitoring.database.sizes import strays_counted, strays_shown
from monitoring.doctor.shapes import Facts, Finding, check, failed, ok, warning
from monitoring.watch.questions import transaction_oldest

if TYPE_CHECKING:
    from collections.abc import Collection

HERE: Final = "database.reachable"
CONNECT_SECONDS: Final = 4
OLDEST: Final = 15
LONG, TOO_LONG = timedelta(minutes=2), timedelta(minutes=15)


@check(HERE, gettext_lazy("PostgreSQL answers"))
def reachable(_facts: Facts) -> Finding:
    """Ask over a connection of its own: a pool would try for long."""
    parameters: dict[str, Any] = dict(
        connections[DEFAULT_DB_ALIAS].get_connection_params()
    )
    for ours in ("cursor_factory", "context"):
        parameters.pop(ours, None)
    started = time.monotonic()
    try:
        with psycopg.connect(
            **parameters | {"connect_timeout": CONNECT_SECONDS}
        ) as opened:
            opened.execute("SELECT 1")
    except psycopg.Error as error:
        return failed(
            _("PostgreSQL does not answer (%(error)s).") % {"error": _reason(error)},
            _(
                "Start PostgreSQL, or correct DATABASE_URL; make up starts an own one. A"
                " database that is gone is restored: manage.py backups, then manage.py"
                " restore NAME"
            ),
        )
    ms = round((time.monotonic() - started) * 1000)
    return ok(_("It answers after %(ms)d ms.") % {"ms": ms}, f"{ms} ms")


@check("database.version", gettext_lazy("Version of PostgreSQL"), needs=HERE)
def version(_facts: Facts) -> Finding:
    """At least 15."""
    number: int = connection.pg_version  # type: ignore[attr-defined]
    told = f"{number // 10_000}.{number % 10_000}"
    if number // 10_000 >= OLDEST:
        return ok(_("It is PostgreSQL %(version)s.") % {"version": told}, told)
    return failed(
        _("It is PostgreSQL %(version)s; at least %(oldest)d is needed.")
        % {"version": told, "oldest": OLDEST},
        _("Move the data to a newer server with manage.py backup and restore."),
        told,
    )


@check("database.migrations", gettext_lazy("Schema"), needs=HERE)
def migrations(_facts: Facts) -> Finding:
    """Every migration is applied."""
    loader = MigrationLoader(connection)
    applied = set(loader.applied_migrations)
    missing = sorted(set(loader.graph.nodes) - applied)
    if not missing:
        return ok(_("Every migration is applied."), 0)
    names = ", ".join(f"{app}.{name}" for app, name in missing[:5])
    return failed(
        ngettext(
            "%(count)d migration is not applied: %(names)s",
            "%(count)d migrations are not applied: %(names)s",
            len(missing),
        )
        % {"count": len(missing), "names": names},
        _("Run manage.py migrate."),
        len(missing),
    )


@check(
    "database.partitions", gettext_lazy("Partitions ahead"), needs="database.migrations"
)
def partitions_ahead(facts: Facts) -> Finding:
    """The months that come have their partitions."""
    missing: dict[str, list[str]] = {"now": [], "later": []}
    for table in partitions.TABLES:
        there = partitions.state_read(table, count=False).partitions
        for ahead in range(table.months_ahead + 1):
            name = table.partition(partitions.month_start(facts.now, ahead))
            if name not in there:
                missing["now" if ahead < 2 else "later"].append(name)
    cure = _(
        "Run manage.py rotate_partitions; then see why the schedule does not do it daily."
    )
    if missing["now"]:
        return failed(
            _("Partitions are missing that are needed now or next month: %(names)s")
            % {"names": _listed(missing["now"])},
            cure,
            len(missing["now"]),
        )
    if missing["later"]:
        return warning(
            _("Partitions of later months are missing: %(names)s")
            % {"names": _listed(missing["later"])},
            cure,
            len(missing["later"]),
        )
    last = partitions.month_start(facts.now, partitions.TABLES[0].months_ahead)
    return ok(_("They reach to the end of %(month)s.") % {"month": _month(last)})


@check(
    "database.strays",
    gettext_lazy("Rows outside of every month"),
    needs="database.migrations",
)
def strays(_facts: Facts) -> Finding:
    """The DEFAULT partitions are empty."""
    found = {name: rows for name, rows in strays_counted().items() if rows}
    if not found:
        return ok(_("The safety nets are empty."), 0)
    told = ", ".join(f"{name}: {strays_shown(rows)}" for name, rows in found.items())
    return failed(
        _("Rows lie in a safety net because their month has no partition (%(told)s).")
        % {"told": told},
        _(
            "Run manage.py rotate_partitions, which makes the months and moves the rows."
        ),
        strays_shown(sum(found.values())),
    )


@check("database.connections", gettext_lazy("Connections"), needs=HERE)
def free_connections(_facts: Facts) -> Finding:
    """The server has connections left."""
    now = connections_now()
    facts = {"open": now.everywhere, "most": now.most}
    value = f"{now.everywhere}/{now.most}"
    if now.everywhere < now.most * 0.8:
        return ok(_("%(open)d of %(most)d are open.") % facts, value)
    return warning(
        _("%(open)d of %(most)d are open; soon nobody else gets one.") % facts,
        _("Raise max_connections, or lower BTCW_DB_POOL_MAX."),
        value,
    )


@check("database.transactions", gettext_lazy("Oldest transaction"), needs=HERE)
def transactions(_facts: Facts) -> Finding:
    """No transaction is open for long: it holds up vacuum and rotation."""
    oldest = transaction_oldest()
    seconds = oldest.seconds if oldest else 0.0
    facts = {"minutes": round(seconds / 60, 1)}
    cure = _(
        "The page Database lists it; end it with SELECT pg_terminate_backend(pid)."
    )
    value = f"{seconds:.0f} s"
    if seconds > TOO_LONG.total_seconds():
        return failed(
            _("A transaction is open for %(minutes)s minutes.") % facts, cure, value
        )
    if seconds > LONG.total_seconds():
        return warning(
            _("A transaction is open for %(minutes)s minutes.") % facts, cure, value
        )
    return ok(_("None is open for long."), value)


@check("database.clock", gettext_lazy("Clocks"), needs=HERE)
def clock(_facts: Facts) -> Finding:
    """This machine and the database agree on the time."""
    before = timezone.now()
    (row,) = rows_read("SELECT clock_timestamp() AS at")
    middle = before + (timezone.now() - before) / 2
    return clock_finding((row["at"] - middle).total_seconds())


def clock_finding(skew: float) -> Finding:
    """Return the finding for a difference in seconds. Pure."""
    value = f"{skew:+.2f} s"
    facts = {"seconds": f"{abs(skew):.1f}"}
    cure = _("Let NTP set both clocks, for example with systemd-timesyncd or chrony.")
    if abs(skew) > 30:
        return failed(
            _("The database's clock is %(seconds)s s away from this machine's.")
            % facts,
            cure,
            value,
        )
    if abs(skew) > 2:
        return warning(
            _("The database's clock is %(seconds)s s away from this machine's.")
            % facts,
            cure,
            value,
        )
    return ok(_("This machine and the database agree on the time."), value)


def _reason(error: psycopg.Error) -> str:
    """Return why, without the address and the name that the text holds."""
    text = str(error)
    reasons = {
        "refused": "connection refused",
        "password authentication failed": "password refused",
        "does not exist": "no such database or role",
        "timeout": "no answer in time",
        "certificate": "certificate refused",
        "resolve": "unknown host",
    }
    return next(
        (told for sign, told in reasons.items() if sign in text), type(error).__name__
    )


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))


def _month(day: date) -> str:
    return f"{day:%Y-%m}"

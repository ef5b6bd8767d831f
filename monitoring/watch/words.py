"""What the alerts of the watch say, in the language that is active."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from btc_watcher.lib.replica_probe import Reason, Standing
from monitoring.backups.places import Place
from monitoring.backups.words import cure_of_places, words_of_places
from monitoring.database.sizes import strays_shown
from monitoring.doctor.replica import standing_finding
from notifications.saying import Words

if TYPE_CHECKING:
    from collections.abc import Mapping

    Facts = Mapping[str, Any]


def partitions_words(facts: Facts) -> Words:
    """Say which partitions are missing."""
    return Words(
        _("Partitions for this or the next month are missing"),
        _(
            "%(names)s\nRun manage.py rotate_partitions, then see why the schedule does"
            " not do it daily. Until then new rows go into the safety net."
        )
        % {"names": ", ".join(facts["names"])},
    )


def strays_words(facts: Facts) -> Words:
    """Say how many rows lie outside of every month."""
    told = ", ".join(
        f"{name}: {strays_shown(rows)}" for name, rows in facts["tables"].items()
    )
    return Words(
        _("Rows lie outside of every month"),
        _(
            "%(told)s\nNothing is lost, but queries slow down. Run manage.py"
            " rotate_partitions, which makes the months and moves the rows."
        )
        % {"told": told},
    )


def transaction_words(facts: Facts) -> Words:
    """Say which transaction is open for long."""
    return Words(
        _("A database transaction is open for long"),
        _(
            "%(application)s (pid %(pid)d, %(state)s) has been in one for %(seconds)d s,"
            " which holds up vacuum and rotation. The page Database lists it; end it with"
            " SELECT pg_terminate_backend(%(pid)d)."
        )
        % facts,
    )


def locks_words(facts: Facts) -> Words:
    """Say who waits for whom."""
    waiting = ngettext(
        "%(count)d session waits for a lock, for %(seconds)d s so far.",
        "%(count)d sessions wait for a lock, the longest for %(seconds)d s so far.",
        facts["count"],
    ) % {"count": facts["count"], "seconds": facts["seconds"]}
    cause = _("Waiting: pid %(waiters)s. In the way: pid %(blockers)s.") % {
        "waiters": _numbers(facts["waiters"]),
        "blockers": _numbers(facts["blockers"]),
    }
    cure = _(
        "The page Database says what each does; end the one in the way if it must."
    )
    return Words(_("The database waits for locks"), "\n".join([waiting, cause, cure]))


def pools_words(facts: Facts) -> Words:
    """Say which processes lack connections."""
    lines = [
        _("All connections are in use in: %(names)s.")
        % {"names": ", ".join(facts["names"])}
    ]
    if facts["failed"]:
        lines.append(
            ngettext(
                "%(count)d request had to do without in the last minute.",
                "%(count)d requests had to do without in the last minute.",
                facts["failed"],
            )
            % {"count": facts["failed"]}
        )
    lines.append(
        _("Look for slow statements on the page Database, or raise BTCW_DB_POOL_MAX.")
    )
    return Words(_("A process has run out of database connections"), "\n".join(lines))


def connections_words(facts: Facts) -> Words:
    """Say that the server has few connections left."""
    return Words(
        _("PostgreSQL has hardly any connections left"),
        _(
            "%(open)d of %(most)d are open. Raise max_connections, or lower"
            " BTCW_DB_POOL_MAX."
        )
        % facts,
    )


def replication_words(facts: Facts) -> Words:
    """Say why the replica is not read, and which slots hold back log."""
    lines = []
    if facts["reason"] not in ("", "near"):
        seen = Standing(Reason(facts["reason"]), facts["seconds"])
        found = standing_finding(seen, settings.DATABASE_REPLICA_MAX_LAG)
        lines.append(f"{found.words} {found.cure}")
    if facts["slots"]:
        held = ", ".join(f"{name} ({kept} GB)" for name, kept in facts["slots"].items())
        lines.append(
            _(
                "Slots that nobody reads keep log on the primary's disk: %(held)s. Start"
                " their replica, or drop them with SELECT pg_drop_replication_slot(name)."
            )
            % {"held": held}
        )
    return Words(_("The database is not replicated as it should be"), "\n".join(lines))


def notifications_words(facts: Facts) -> Words:
    """Say how long what is due waits."""
    return Words(
        _("Notifications wait for too long"),
        ngettext(
            "%(count)d is due, the oldest for %(seconds)d s. See that a worker lives and"
            " what the history of notifications says.",
            "%(count)d are due, the oldest for %(seconds)d s. See that a worker lives and"
            " what the history of notifications says.",
            facts["count"],
        )
        % facts,
    )


def evictions_words(facts: Facts) -> Words:
    """Say that Redis throws out keys."""
    return Words(
        _("Redis throws out keys to make room"),
        ngettext(
            "%(count)d key was lost. Raise maxmemory, and set maxmemory-policy to"
            " noeviction: queues must not be thrown out.",
            "%(count)d keys were lost. Raise maxmemory, and set maxmemory-policy to"
            " noeviction: queues must not be thrown out.",
            facts["count"],
        )
        % facts,
    )


def redis_memory_words(facts: Facts) -> Words:
    """Say that Redis is nearly full."""
    return Words(
        _("Redis is nearly full"),
        _(
            "It uses %(used)s MB of %(limit)s MB (%(percent)d %%). When it is full it"
            " refuses to write: raise maxmemory in redis.conf."
        )
        % facts,
    )


def backups_words(facts: Facts) -> Words:
    """Say that nobody makes backups, or that several machines do."""
    places = [
        Place((names,), folder, mark="", is_here=False)
        for names, folder in facts["places"]
    ]
    title = _("Several machines make backups") if places else _("Nobody makes backups")
    return Words(title, f"{words_of_places(places)}\n{cure_of_places(places)}")


def disk_words(facts: Facts) -> Words:
    """Say which disks are nearly full."""
    lines = [
        _("%(host)s, %(path)s: %(percent)d %% in use") % place
        for place in facts["places"]
    ]
    lines.append(
        _("Make room: old backups, logs of bots, freqtrade versions nobody uses.")
    )
    return Words(_("A disk is nearly full"), "\n".join(lines))


def _numbers(pids: list[int]) -> str:
    return ", ".join(str(pid) for pid in pids) or "?"

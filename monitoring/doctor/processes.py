"""The processes of the system: each writes a sign of life into the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from monitoring.doctor.shapes import Facts, Finding, check, failed, ok, warning
from monitoring.heartbeats.models import Role
from monitoring.heartbeats.store import beats_read
from monitoring.heartbeats.telling import limits
from monitoring.heartbeats.watch import is_alive, is_dead, queues_unread
from strategies.selectors import strategies_wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitoring.heartbeats.store import Seen
    from monitoring.heartbeats.watch import Limits

NEEDS: Final = "database.migrations"


@check("processes.web", gettext_lazy("Web"), needs=NEEDS)
def web(_facts: Facts) -> Finding:
    """A web process lives."""
    return _role(
        Role.WEB, _("Start it with make up, or uvicorn btc_watcher.asgi:application.")
    )


@check("processes.worker", gettext_lazy("Workers"), needs=NEEDS)
def worker(_facts: Facts) -> Finding:
    """Workers live, and between them they read every queue."""
    start = _("Start one with make up, or celery -A btc_watcher worker.")
    unread = queues_unread(beats_read(), limits())
    return workers_finding(_role(Role.WORKER, start), unread, start)


@check("processes.beat", gettext_lazy("Schedule"), needs=NEEDS)
def beat(_facts: Facts) -> Finding:
    """The schedule lives."""
    return _role(Role.BEAT, _("Start it with make up, or celery -A btc_watcher beat."))


@check("processes.supervisor", gettext_lazy("Supervisor"), needs=NEEDS)
def supervisor(_facts: Facts) -> Finding:
    """The supervisor lives, or there is nothing for it to do."""
    found = _role(
        Role.SUPERVISOR, _("Start it with make up, or manage.py run_supervisor.")
    )
    if found.cure and not strategies_wanted().exists():
        return warning(found.words, found.cure, found.value)
    return found


def workers_finding(found: Finding, unread: Sequence[str], start: str) -> Finding:
    """Add to what is found of the workers which queues none of them reads. Pure."""
    if not unread or found.value == "0":
        return found
    words = ngettext(
        "Nobody reads the queue %(names)s: what is in it waits.",
        "Nobody reads the queues %(names)s: what is in them waits.",
        len(unread),
    ) % {"names": ", ".join(unread)}
    return failed(f"{found.words} {words}", start, found.value)


def role_finding(rows: Sequence[Seen], bounds: Limits, start: str) -> Finding:
    """Return the finding for the signs of life of one role. Pure."""
    alive = [row for row in rows if is_alive(row, bounds)]
    dead = [row for row in rows if is_dead(row, bounds)]
    if not alive:
        if not rows:
            return failed(_("None has ever given a sign of life here."), start, 0)
        age = min(row.age_s for row in rows)
        return failed(
            _("None lives; the last sign of life is %(seconds)d s old.")
            % {"seconds": age},
            start,
            0,
        )
    names = ", ".join(sorted(row.name for row in alive))
    if dead:
        lost = ", ".join(sorted(f"{row.name} ({row.host})" for row in dead))
        # Others of a role need not do its work: an urgent worker takes one queue alone.
        return failed(
            _("%(dead)s died; %(alive)s still lives.") % {"dead": lost, "alive": names},
            _(
                "Look at its log and start it again. A machine that was taken away for"
                " good can be removed from the list of processes in the admin."
            ),
            len(alive),
        )
    return ok(_("Alive: %(names)s.") % {"names": names}, len(alive))


def _role(role: Role, start: str) -> Finding:
    rows = [row for row in beats_read() if row.role == role]
    if role == Role.WEB:
        # Their names carry the pid: each restart leaves a row behind for a while.
        bounds = limits()
        rows = [row for row in rows if is_alive(row, bounds)] or rows[:1]
    return role_finding(rows, limits(), start)

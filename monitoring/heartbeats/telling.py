"""Troubles as alerts: raised once, resolved when nothing is wrong any more."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from btc_watcher.lib.locking import lock_taken
from btc_watcher.lib.locks import DEATHS
from monitoring.heartbeats.models import Role
from monitoring.heartbeats.selectors import alerts_waiting
from monitoring.heartbeats.store import beats_forget, beats_read
from monitoring.heartbeats.watch import (
    WATCHED,
    Limits,
    Silences,
    Trouble,
    is_alive,
    troubles,
)
from notifications.dispatch import alert_raise, alert_resolve
from notifications.saying import Words
from notifications.services import notifications_deliver
from strategies.selectors import strategies_wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitoring.heartbeats.store import Seen

logger = logging.getLogger(__name__)

DELIVER_SECONDS: Final = 30.0
# A worker that lives and can be reached has tried by then.
LEFT_TO_WORKERS: Final = timedelta(seconds=60)
_two_told: set[tuple[str, ...]] = set()


def limits() -> Limits:
    """Return ``settings.HEARTBEATS``."""
    return Limits(**settings.HEARTBEATS)


def look_around(
    steady_s: float, silences: Silences | None = None, clock: float = 0.0
) -> list[Trouble]:
    """Judge the others and tell; raises Django's database errors.

    Only one process at a time looks; the others return nothing at once. Without
    ``silences``, which know by ``clock`` who said nothing since when, moments of the
    database count.
    """
    bounds = limits()
    with transaction.atomic():
        judges = steady_s >= bounds.steady_for and lock_taken(DEATHS)
        if judges:
            beats_forget()
        rows = beats_read()
        if silences is not None:
            rows = silences.heard(rows, clock)
        if not judges:
            return []
        _warn_of_two_schedules(rows, bounds)
        wanted = strategies_wanted().exists()
        optional = frozenset() if wanted else frozenset({str(Role.SUPERVISOR)})
        found = troubles(rows, bounds, steady_s=steady_s, optional=optional)
        _tell(found)
    return found


def _warn_of_two_schedules(rows: Sequence[Seen], bounds: Limits) -> None:
    """Say in the log that everything is asked for twice, once while it is so."""
    beats = [row for row in rows if row.role == Role.BEAT and is_alive(row, bounds)]
    names = tuple(f"{row.name} on {row.host}" for row in beats)
    if len(names) > 1 and names not in _two_told:
        logger.warning(
            "%d schedules run (%s), so every task is sent as often. Stop all but one.",
            len(names),
            ", ".join(names),
        )
    _two_told.clear()
    _two_told.add(names)


def deliver_alerts_ourselves() -> int:
    """Send the alerts that nobody sends; return how many were tried.

    The alarm that nobody delivers messages must not wait for somebody who does: no
    worker lives, or none hears of them because Redis is away.
    """
    bounds = limits()
    rows = beats_read()
    lives = any(row.role == Role.WORKER and is_alive(row, bounds) for row in rows)
    waiting = alerts_waiting(
        timezone.now(), longer=LEFT_TO_WORKERS if lives else timedelta(0)
    )
    if waiting:
        logger.warning("No worker sends alerts: %d are sent from here.", len(waiting))
        notifications_deliver(ids=waiting, seconds=DELIVER_SECONDS)
    return len(waiting)


def key_of(role: str) -> str:
    """Return the key of the alert about a role."""
    return f"process:{role}"


def _tell(found: Sequence[Trouble]) -> None:
    now = timezone.now()
    for trouble in found:
        alert_raise(
            key=key_of(trouble.role),
            priority=trouble.priority,
            words=partial(_words, trouble),
            context={
                "role": trouble.role,
                "hosts": sorted({row.host for row in trouble.dead}),
            },
            now=now,
        )
    wrong = {trouble.role for trouble in found}
    for role in WATCHED:
        if role not in wrong:
            alert_resolve(key=key_of(role), now=now, words=partial(_well, role))


def _words(trouble: Trouble) -> Words:
    return Words(_title(trouble), _body(trouble))


def _title(trouble: Trouble) -> str:
    if trouble.unread and trouble.alive:
        return ngettext(
            "No worker reads the queue %(names)s",
            "No worker reads the queues %(names)s",
            len(trouble.unread),
        ) % {"names": ", ".join(trouble.unread)}
    if trouble.alive:
        return ngettext(
            "%(count)d process of “%(role)s” has died",
            "%(count)d processes of “%(role)s” have died",
            len(trouble.dead),
        ) % {"role": Role(trouble.role).label, "count": len(trouble.dead)}
    return {
        Role.BEAT: _("No schedule runs: nothing happens by itself any more"),
        Role.WORKER: _("No worker runs: notifications are not sent"),
        Role.SUPERVISOR: _("No supervisor runs: no bot is looked after"),
    }[Role(trouble.role)]


def _body(trouble: Trouble) -> str:
    lines = [
        _("%(name)s on %(host)s (pid %(pid)d): no sign of life for %(seconds)d s.")
        % {
            "name": row.name,
            "host": row.host,
            "pid": row.pid,
            "seconds": round(max(row.age_s, row.quiet_s)),
        }
        for row in trouble.dead[:20]
    ]
    advice = _(
        "Look at its log and start it again. A machine that was taken away for good can"
        " be removed from the list of processes in the admin."
    )
    return "\n".join([*lines, advice])


def _well(role: str) -> Words:
    # It may have come back, or have been taken off the list.
    return Words(
        _("All clear: no process of “%(role)s” is missing any more")
        % {"role": Role(role).label}
    )

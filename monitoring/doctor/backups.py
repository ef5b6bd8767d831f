"""Backups: there is a young one that was restored on trial, and we can open it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from django.db import Error as DatabaseError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from btc_watcher.lib.encryption import key_ring
from btc_watcher.lib.errors import EncryptionError
from monitoring.backups.places import elsewhere, places_read
from monitoring.backups.selectors import backups_list, backups_summary
from monitoring.backups.words import cure_of_places, words_of_places
from monitoring.doctor.shapes import (
    Facts,
    Finding,
    State,
    check,
    failed,
    ok,
    warning,
)
from monitoring.heartbeats.store import beats_read
from monitoring.heartbeats.telling import limits
from monitoring.heartbeats.watch import queues_unread

if TYPE_CHECKING:
    from monitoring.backups.places import Place

NAMED: Final = 3


@check(
    "backups.place",
    gettext_lazy("Where backups are made"),
    needs="database.migrations",
)
def place(_facts: Facts) -> Finding:
    """Workers of one machine make them."""
    places = places_read()
    unread = queues_unread(beats_read(), limits())
    if not places and unread:
        return Finding(
            State.SKIPPED,
            _("Not judged while workers are missing: nobody reads %(names)s.")
            % {"names": ", ".join(unread)},
        )
    words, cure = words_of_places(places), cure_of_places(places)
    if len(places) != 1:
        return failed(words, cure, len(places))
    return ok(words, places[0].names)


@check("backups.age", gettext_lazy("Newest good backup"))
def age(facts: Facts) -> Finding:
    """The newest one that was restored on trial is young enough."""
    if other := _elsewhere(facts):
        return Finding(
            State.SKIPPED,
            _("Not asked here: they lie on %(names)s. Run manage.py doctor there.")
            % {"names": other.names},
        )
    found = backups_summary(facts.now)
    cure = _("Run manage.py backup, then see why the schedule does not do it daily.")
    if found["troubles"]:
        title, body = found["troubles"][0]
        return failed(f"{title}. {body.partition(chr(10))[0]}", cure, found["count"])
    if found["good_at"] is None:
        return warning(_("There is no backup yet."), cure, 0)
    hours = (facts.now - found["good_at"]).total_seconds() / 3600
    return ok(
        ngettext(
            "The newest one is %(hours)d hour old and was restored on trial.",
            "The newest one is %(hours)d hours old and was restored on trial.",
            int(hours),
        )
        % {"hours": hours},
        f"{hours:.0f} h",
    )


def _elsewhere(facts: Facts) -> Place | None:
    # What lies in the folder can be told without the database.
    with contextlib.suppress(DatabaseError):
        return elsewhere(places_read()) if facts.has_database() else None
    return None


@check("backups.keys", gettext_lazy("Keys of the backups"))
def keys(_facts: Facts) -> Finding:
    """Every sealed backup can be opened with a key at hand."""
    sealed = [each for each in backups_list() if each.manifest and each.manifest.key]
    lost = []
    for each in sealed:
        try:
            key_ring().derived(
                each.manifest.key if each.manifest else "", b"", b"probe"
            )
        except EncryptionError:
            lost.append(each.name)
    if lost:
        return failed(
            _("No key at hand opens: %(names)s") % {"names": ", ".join(lost[:NAMED])},
            _("Add the key they were sealed with to BTCW_ENCRYPTION_KEYS."),
            len(lost),
        )
    if not sealed:
        return ok(_("No backup is sealed."), 0)
    return ok(
        ngettext(
            "%(count)d sealed one is there, and it can be opened.",
            "%(count)d sealed ones are there, and all of them can be opened.",
            len(sealed),
        )
        % {"count": len(sealed)},
        len(sealed),
    )

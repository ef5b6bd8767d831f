"""How troubles with backups are told to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from monitoring.backups.policy import AGE, FAILED
from monitoring.backups.shapes import State, megabytes
from notifications.saying import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitoring.backups.places import Place
    from monitoring.backups.policy import Trouble


def words_of(trouble: Trouble) -> Words:
    """Return what the alert says, in the language that is active."""
    facts = trouble.facts
    if trouble.key == FAILED:
        text = _("Backup %(name)s: %(error)s\nRun manage.py backup to try again.") % {
            "name": facts["name"],
            "error": facts["error"] or word_of_state(State(facts["state"])),
        }
        return Words(_title_of_failure(facts["state"]), text)
    if trouble.key == AGE:
        newest = (
            _("The newest one that could be restored is %(name)s.") % facts
            if facts["name"]
            else _("No backup could be restored yet.")
        )
        return Words(_("No good backup for %(hours)d hours") % facts, newest)
    text = _(
        "Backup %(name)s has %(size)s; the ones before had about %(usual)s."
        " Look whether rows are missing."
    ) % {
        "name": facts["name"],
        "size": megabytes(facts["size"]),
        "usual": megabytes(facts["usual"]),
    }
    return Words(_("The backup is suddenly much smaller"), text)


def _title_of_failure(state: str) -> str:
    if state == State.FAILED:
        return _("The backup could not be made")
    if state == State.DAMAGED:
        return _("The newest backup is damaged")
    if state == State.UNTRIED:
        return _("The newest backup was not tried")
    return _("The newest backup could not be restored")


def word_of_state(state: State) -> str:
    """Return a state as lists show it."""
    return {
        State.FAILED: _("failed"),
        State.DAMAGED: _("damaged"),
        State.TRIAL_FAILED: _("not restorable"),
        State.UNTRIED: pgettext("backup", "not tried"),
        State.GOOD: _("restored on trial"),
    }[state]


def words_of_places(places: Sequence[Place]) -> str:
    """Return in a sentence where backups are made."""
    if not places:
        return _("No worker makes backups at the moment.")
    listed = _listed(places)
    if len(places) > 1:
        return _(
            "Backups are made in several places, and each has only some of them:"
            " %(places)s."
        ) % {"places": listed}
    return _("Backups are made and kept on %(places)s.") % {"places": listed}


def cure_of_places(places: Sequence[Place]) -> str:
    """Return what to do when backups are made nowhere, or in several places."""
    if not places:
        return _(
            "Start the worker of the machine that makes them; BTCW_BACKUP_HERE must not"
            " be false there, and the disk of its folder must answer."
        )
    return _(
        "Leave one machine to make them: set BTCW_BACKUP_HERE=false on the others and"
        " start their workers again."
    )


def tried_elsewhere(names: str) -> str:
    """Return why a backup of this folder cannot be tried by a worker."""
    return _(
        "Workers try the backups of %(names)s, not those of this folder. Run"
        " manage.py backup --try here."
    ) % {"names": names}


def _listed(places: Sequence[Place]) -> str:
    return "; ".join(f"{place.names} ({place.folder})" for place in places)

"""How troubles with backups are told to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from monitoring.backups.policy import AGE, FAILED
from monitoring.backups.shapes import State, megabytes
from notifications.saying import Words

if TYPE_CHECKING:
    from monitoring.backups.policy import Trouble


def words_of(trouble: Trouble) -> Words:
    """Return what the alert says, in the language that is active."""
    facts = trouble.facts
    if trouble.key == FAILED:
        text = _("Backup %(name)s: %(error)s\nRun manage.py backup to try again.") % {
            "name": facts["name"],
            "error": facts["error"] or facts["state"],
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

"""Alarms as alerts: raised, and resolved by what is stored, not by what happened.

An alert that is open without an alarm that says so is resolved, whatever has become of
its strategy meanwhile.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from freqtrade_mgmt.health.notes import context_of, key_of, words_of
from notifications.dispatch import alert_raise, alert_resolve
from notifications.saying import Words
from notifications.selectors import alerts_open
from strategies.models import Status
from strategies.selectors import strategies_all

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from freqtrade_mgmt.health.alarms import Note, Outcome

# Whoever may yet come up again by itself, or was asked to.
UNDECIDED = (Status.ERROR, Status.STARTING)


def alarms_tell(outcome: Outcome, now: datetime) -> None:
    """Raise and resolve alerts; call it in the transaction that stores the alarms."""
    for note in outcome.notes:
        if note.kind == "raised":
            alert_raise(
                key=_key(note),
                priority=note.priority,
                words=partial(words_of, note),
                context=context_of(note),
                now=now,
            )
    _resolve_alarms(outcome, now)
    _resolve_given_up(now)


def _resolve_alarms(outcome: Outcome, now: datetime) -> None:
    wells = {_key(note): note for note in outcome.notes if note.kind == "well"}
    told = {
        key_of(code, strategy_id)
        for strategy_id, alarms in outcome.alarms.items()
        for code, state in alarms.items()
        if state["told"]
    }
    for key, context in alerts_open(having="alarm").items():
        if key in told:
            continue
        note = wells.get(key)
        alert_resolve(
            key=key,
            now=now,
            words=partial(words_of, note) if note else partial(_stopped_words, context),
            quiet=note is None and _spoken_for(context, outcome),
        )


def _stopped_words(context: Mapping[str, Any]) -> Words:
    """Return the words for an alarm whose strategy is not watched any more."""
    if name := context.get("strategy"):
        title = _("Strategy %(name)s is not watched any more") % {"name": name}
        return Words(title, _("Its alarm is over, because it was stopped."))
    return Words()


def _spoken_for(context: Mapping[str, Any], outcome: Outcome) -> bool:
    """Tell whether another all-clear says that this is over as well."""
    strategies = set(context.get("strategy_ids") or ())
    return any(
        note.kind == "well" and strategies & set(note.strategy_ids)
        for note in outcome.notes
    )


def _resolve_given_up(now: datetime) -> None:
    """Resolve what the supervisor raised, where a strategy runs or was stopped."""
    given_up = {
        key: int(context.get("strategy_id") or 0)
        for key, context in alerts_open(having="given_up").items()
    }
    if not given_up:
        return
    rows = strategies_all().filter(pk__in=given_up.values())
    known = {row[0]: row[1:] for row in rows.values_list("id", "name", "status")}
    for key, strategy_id in given_up.items():
        name, status = known.get(strategy_id, ("", ""))
        if status not in UNDECIDED:
            words = partial(_given_up_words, name, status)
            alert_resolve(key=key, now=now, words=words)


def _given_up_words(name: str, status: str) -> Words:
    if status == Status.RUNNING:
        title = _("Strategy %(name)s runs again")
    elif name:
        title = _("Strategy %(name)s was stopped")
    else:
        return Words()
    return Words(title % {"name": name}, _("It had been given up."))


def _key(note: Note) -> str:
    return key_of(note.code, note.strategy_ids[0] if note.strategy_ids else 0)

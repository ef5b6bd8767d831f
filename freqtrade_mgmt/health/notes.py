"""The words of alarms, and what their alerts are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _

from freqtrade_mgmt.health.conditions import RULES
from notifications.saying import Words
from strategies.health_words import advice_text, reason_text

if TYPE_CHECKING:
    from freqtrade_mgmt.health.alarms import Note

NAMES_TOLD: Final = 20


def key_of(code: str, strategy_id: int) -> str:
    """Return the key of an alarm's alert; the alarm of a group is the same for all."""
    return f"strategy:{strategy_id}:{code}" if code in RULES else code


def words_of(note: Note) -> Words:
    """Return the words of a note in the active language; alerts say since when."""
    return Words(_title(note), "\n".join(_lines(note)))


def context_of(note: Note) -> dict[str, Any]:
    """Return what channels' rules and templates can ask for."""
    context: dict[str, Any] = {
        "alarm": note.code,
        "strategy_ids": list(note.strategy_ids),
    }
    if note.code == "supervisor":
        # The alert about its process says the same, and mutes this one.
        context["process"] = "supervisor"
    if note.name:
        context |= {"strategy": note.name, "strategy_id": note.strategy_ids[0]}
    return context


def _title(note: Note) -> str:
    reason = reason_text(note.code, note.values)
    if note.kind == "well":
        return _title_well(note)
    if not note.name:
        return reason
    return _("Strategy %(name)s: %(reason)s") % {"name": note.name, "reason": reason}


def _title_well(note: Note) -> str:
    kind, _colon, key = note.code.partition(":")
    if kind == "supervisor":
        return _("All clear: the supervisor is back")
    if kind == "exchange":
        name = note.values.get("name", key)
        return _("All clear: the exchange %(name)s gives candles again") % {
            "name": name
        }
    if kind == "proxy":
        name = note.values.get("name", key)
        return _("All clear: the proxy %(name)s works again") % {"name": name}
    if note.left:
        return _("Strategy %(name)s: one alarm is over, others go on") % {
            "name": note.name
        }
    return _("Strategy %(name)s is well again") % {"name": note.name}


def _lines(note: Note) -> list[str]:
    lines = []
    if note.kind == "well":
        reason = reason_text(note.code, note.values)
        lines.append(_("It was: %(reason)s") % {"reason": reason})
    lines += [
        _("Goes on: %(reason)s") % {"reason": reason_text(code, values)}
        for code, values in note.left
    ]
    if note.names:
        told = ", ".join(note.names[:NAMES_TOLD])
        more = " …" if len(note.names) > NAMES_TOLD else ""
        lines.append(_("Strategies: %(names)s") % {"names": told + more})
    advice = "" if note.kind == "well" else advice_text(note.code)
    return [*lines, advice] if advice else lines

"""The words of alarms: notes become messages in the installation's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from notifications.messages import Message
from strategies.health_words import advice_text, reason_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from freqtrade_mgmt.health.alarms import Note

NAMES_TOLD: Final = 20


def messages_of(notes: Iterable[Note], now: datetime) -> list[Message]:
    """Return one message for each note."""
    with translation.override(settings.LANGUAGE_CODE):
        return [_message(note, now) for note in notes]


def _message(note: Note, now: datetime) -> Message:
    return Message(
        message_type="alert",
        priority=note.priority,
        title=_title(note),
        body="\n".join(_lines(note, now)),
        context={
            "alarm": note.code,
            "kind": note.kind,
            "since": note.since.isoformat(),
            "strategy": note.name,
            "strategy_ids": list(note.strategy_ids),
        },
    )


def _title(note: Note) -> str:
    reason = reason_text(note.code, note.values)
    if note.kind == "well":
        return _title_well(note)
    if note.kind == "still":
        template = _("Still, strategy %(name)s: %(reason)s")
        if not note.name:
            template = _("Still: %(reason)s")
    else:
        template = _("Strategy %(name)s: %(reason)s") if note.name else "%(reason)s"
    return template % {"name": note.name, "reason": reason}


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


def _lines(note: Note, now: datetime) -> list[str]:
    minutes = round((now - note.since).total_seconds() / 60)
    # Seen at the round's own times, so minutes are exact enough.
    since = f"{note.since:%Y-%m-%d %H:%M} UTC"
    if note.kind == "well":
        lines = [
            _("It was: %(reason)s") % {"reason": reason_text(note.code, note.values)},
            _("From %(since)s, for %(minutes)d min.")
            % {"since": since, "minutes": minutes},
        ]
    else:
        lines = [
            _("Since %(since)s (%(minutes)d min).")
            % {"since": since, "minutes": minutes}
        ]
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

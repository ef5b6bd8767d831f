"""Fitting texts into what vendors take. Pure."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notifications.transports.base import Outgoing

PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)\}")
# Joiners and selectors belong to the letter before them.
JOINERS: Final = frozenset("\u200d\ufe0e\ufe0f")
MODIFIERS: Final = range(0x1F3FB, 0x1F400)
# A line that would lose more than this of its text is cut inside.
LINE_WORTH: Final = 0.1
ELLIPSIS: Final = "…"


def utf16(text: str) -> int:
    """Return the length in UTF-16 code units, as Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def utf8(text: str) -> int:
    """Return the length in bytes of UTF-8."""
    return len(text.encode())


def json_size(text: str) -> int:
    """Return the bytes that a text takes inside of a JSON document."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


def cut(text: str, room: int, size: Callable[[str], int] = len) -> str:
    """Return ``text`` within ``room``, measured by ``size``, with … where it was cut.

    The cut is at the end of a line when one is near, and never inside of a letter.
    """
    if size(text) <= room:
        return text
    room -= size(ELLIPSIS)
    low, high = 0, min(len(text), max(room, 0))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(text[:middle]) <= room else (low, middle - 1)
    while low and _joined(text, low):
        low -= 1
    line = text.rfind("\n", 0, low)
    if line > low * (1 - LINE_WORTH):
        low = line + 1
    return text[:low] + ELLIPSIS if room >= 0 else ""


def _joined(text: str, place: int) -> bool:
    """Tell whether the characters on both sides of ``place`` are one letter."""
    if place >= len(text):
        return False
    after = text[place]
    return (
        unicodedata.combining(after) != 0
        or after in JOINERS
        or text[place - 1] == "\u200d"
        or ord(after) in MODIFIERS
    )


def values_of(message: Outgoing) -> dict[str, Any]:
    """Return what placeholders may name: the message's own fields and its context."""
    return dict(message.context) | {
        "id": message.id,
        "title": message.title,
        "body": message.body,
        "priority": message.priority,
        "message_type": message.message_type,
        "queued_at": message.queued_at.isoformat(),
        "language": message.language,
        "context": dict(message.context),
    }


def fill(template: str, values: Mapping[str, Any], missing: str = "") -> str:
    """Return ``template`` with each {name} replaced; {a.b} looks inside of an object.

    What is not there becomes ``missing``. Values are put in as they are and are
    never read as a template themselves.
    """
    return PLACEHOLDER.sub(
        lambda found: _text(_looked_up(found[1], values), missing), template
    )


def fill_structure(structure: Any, values: Mapping[str, Any]) -> Any:
    """Return a JSON structure with the strings inside of it filled.

    A string that is one placeholder and nothing else becomes the value itself, so
    that a number stays a number and an object an object.
    """
    match structure:
        case str():
            whole = PLACEHOLDER.fullmatch(structure)
            return _looked_up(whole[1], values) if whole else fill(structure, values)
        case dict():
            return {
                key: fill_structure(each, values) for key, each in structure.items()
            }
        case list():
            return [fill_structure(each, values) for each in structure]
        case _:
            return structure


def _looked_up(name: str, values: Mapping[str, Any]) -> Any:
    found: Any = values
    for step in name.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _text(value: object, missing: str) -> str:
    match value:
        case None | "":
            return missing
        case str():
            return value
        case dict() | list() | bool():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            return str(value)

"""What one browser received: each cursor at most once, and no signal missed. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


@dataclass(slots=True)
class Received:
    """The frames and reloads of one browser.

    ``shown`` are the ids that it knows of, from frames or from lists; ``after`` is the
    newest cursor, with which it connects again; ``deflates`` asks for compression, and
    ``uncompressed`` counts the connections that did without although it asked.
    """

    name: str
    after: str = ""
    shown: set[str] = field(default_factory=set)
    framed: set[str] = field(default_factory=set)
    cursors: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    reloads: int = 0
    backwards: int = 0
    deflates: bool = False
    uncompressed: int = 0

    def take(self, frame: dict[str, Any]) -> bool:
        """Note a frame; tell whether the list has to be read again."""
        event = frame["event"]
        kind = str(event["type"])
        self.kinds[kind] += 1
        if cursor := frame.get("cursor"):
            self.cursors[cursor] += 1
            self.backwards += bool(self.after) and position(cursor) <= position(
                self.after
            )
            self.after = cursor
        if kind == "signal":
            self.shown.add(str(event["signal"]["id"]))
            self.framed.add(str(event["signal"]["id"]))
        return kind == "reload"

    def listed(self, identifiers: Iterable[str]) -> None:
        """Note what a list showed."""
        self.reloads += 1
        self.shown.update(identifiers)

    @property
    def repeated(self) -> list[str]:
        """The cursors that came more than once."""
        return sorted(cursor for cursor, count in self.cursors.items() if count > 1)

    def missing(self, stored: Collection[str]) -> set[str]:
        """Return the signals that are stored and were never shown."""
        return set(stored) - self.shown


def position(cursor: str) -> tuple[int, int]:
    """Return a cursor as comparable numbers."""
    stamp, _, number = cursor.partition("-")
    return int(stamp), int(number or 0)

"""What needs attention, as one list. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

# What one look can take in; the rest is behind a link.
SHOWN: Final = 12
LONGEST: Final = 280


@dataclass(frozen=True, slots=True)
class Item:
    """One trouble: how urgent (P0, P1, P2), what, what to do, and where.

    ``covers`` are the troubles that it tells of, such as ``strategy:3``: what another
    source knows of the same is not told twice. ``id`` is the item's own on the page.
    """

    id: str
    priority: str
    title: str
    cure: str
    url: str
    action: str
    since: datetime | None = None
    covers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Attention:
    """The most urgent items, how many there are in all, and how many of each priority."""

    items: tuple[Item, ...]
    total: int
    counts: tuple[tuple[str, int], ...]

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.total - len(self.items)


def attention_of(alerts: Sequence[Item], others: Iterable[Item]) -> Attention:
    """Return the list: alerts, and of the ``others`` what no alert tells of."""
    told = frozenset().union(*(item.covers for item in alerts))
    fresh = [item for item in others if not item.covers & told]
    # Stable: of equal urgency alerts come first, the newest of them on top.
    every = sorted([*alerts, *fresh], key=lambda item: item.priority)
    found = [item.priority for item in every]
    counts = [(key, found.count(key)) for key in sorted(set(found))]
    return Attention(tuple(every[:SHOWN]), len(every), tuple(counts))


def shortened(text: str) -> str:
    """Return the beginning of a text, cut where a word ends."""
    plain = text.strip()
    if len(plain) <= LONGEST:
        return plain
    return f"{plain[:LONGEST].rsplit(maxsplit=1)[0]} …"

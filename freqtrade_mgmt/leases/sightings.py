"""For how long others have looked the same, on a clock of our own.

The database's clock may be set, by an hour at once. What it says of others is believed
only at the first sight of a node, where nothing but a delay hangs on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freqtrade_mgmt.leases.picture import Picture

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Sight:
    """Something as it was seen first, ``since`` a moment, ``age`` seconds old by then."""

    stamp: str
    since: float
    age: float = 0.0


class Sightings:
    """What this process has seen of nodes and leases. Moments are of one clock."""

    def __init__(self) -> None:
        self._nodes: dict[str, Sight] = {}
        self._leases: dict[int, Sight] = {}

    def dated(self, picture: Picture, now: float) -> Picture:
        """Return a picture, seen ``now``, with ages by our own clock."""
        self._nodes = _noted(
            self._nodes,
            {n.name: Sight(n.stamp, now, max(0.0, n.age)) for n in picture.nodes},
        )
        self._leases = _noted(
            self._leases,
            {key: Sight(lease.stamp, now) for key, lease in picture.leases.items()},
        )
        nodes = tuple(
            replace(node, age=seen.age + now - seen.since)
            for node in picture.nodes
            for seen in (self._nodes[node.name],)
        )
        leases = {
            key: replace(lease, unchanged=now - self._leases[key].since)
            for key, lease in picture.leases.items()
        }
        return replace(picture, nodes=nodes, leases=leases)


class Strangers:
    """Whoever speaks for our name or our home, seen while we wait to do so."""

    def __init__(self) -> None:
        self._seen: dict[str, Sight] = {}
        self._lives = False

    def note(self, stamps: Mapping[str, str], now: float) -> bool:
        """See nodes, by name, with their signs of life; tell whether any surely lives."""
        for name, stamp in stamps.items():
            known = self._seen.get(name)
            if known is None or known.stamp != stamp:
                self._lives |= known is not None
                self._seen[name] = Sight(stamp, now)
        return self._lives

    def silent(self, now: float, seconds: float) -> list[str]:
        """Return the signs of life after which no other came for so long."""
        return [
            seen.stamp for seen in self._seen.values() if now - seen.since > seconds
        ]


def _noted(known: Mapping[Key, Sight], found: Mapping[Key, Sight]) -> dict[Key, Sight]:
    """Keep of what is known what still looks the same; what changed is new by now."""
    noted = {}
    for key, sight in found.items():
        old = known.get(key)
        if old is None:
            noted[key] = sight
        else:
            noted[key] = old if old.stamp == sight.stamp else replace(sight, age=0.0)
    return noted

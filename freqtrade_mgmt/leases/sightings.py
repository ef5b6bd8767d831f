"""For how long others have looked the same, on a clock of our own.

The database's clock may be set, by an hour at once. What it says of others is believed
only at the first sight of a node, where nothing but a delay hangs on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from freqtrade_mgmt.leases.picture import Picture

Key = TypeVar("Key")
# Whoever waits looks every one or two seconds.
STRANGERS_GAP: Final = 5.0


@dataclass(frozen=True, slots=True)
class Sight:
    """Something as it was seen first, ``since`` a moment, ``age`` seconds old by then."""

    stamp: str
    since: float
    age: float = 0.0


class Sightings:
    """What this process has seen of nodes and leases. Moments are of one clock.

    After more than ``gap`` seconds without a look, that time does not count: while the
    database was away nobody could renew anything.
    """

    def __init__(self, gap: float) -> None:
        self._gap = gap
        self._looked = float("-inf")
        self._nodes: dict[str, Sight] = {}
        self._leases: dict[int, Sight] = {}

    def dated(self, picture: Picture, now: float) -> Picture:
        """Return a picture, seen ``now``, with ages by our own clock."""
        unseen, self._looked = now - self._looked, now
        if unseen > self._gap:
            self._nodes = _later(self._nodes, unseen)
            self._leases = _later(self._leases, unseen)
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
        self._looked = float("-inf")
        # Seen to live, and of these the ones whose bots nobody ends when they are silent.
        self._living: set[str] = set()
        self._unguarded: set[str] = set()

    def note(
        self, stamps: Mapping[str, str], now: float, unguarded: Collection[str] = ()
    ) -> bool:
        """See nodes, by name, with their signs of life; tell whether any surely lives.

        When nobody looked for a while, the silence of all begins anew.
        """
        if now - self._looked > STRANGERS_GAP:
            self._seen = {k: replace(s, since=now) for k, s in self._seen.items()}
        self._looked = now
        for name, stamp in stamps.items():
            known = self._seen.get(name)
            if known is None or known.stamp != stamp:
                self._seen[name] = Sight(stamp, now)
                if known is not None:
                    self._living.add(name)
            self._unguarded.discard(name)
            if name in unguarded:
                self._unguarded.add(name)
        return bool(self._living)

    def silent(self, now: float, seconds: float) -> list[str]:
        """Return the signs of life after which no other came for so long.

        Only what was looked at all the time counts, and never one that was seen to live
        and whose bots outlive an outage: its silence may be one.
        """
        if now - self._looked > STRANGERS_GAP:
            return []
        return [
            seen.stamp
            for name, seen in self._seen.items()
            if now - seen.since > seconds and name not in self._living & self._unguarded
        ]


def _later(known: Mapping[Key, Sight], seconds: float) -> dict[Key, Sight]:
    return {
        key: replace(sight, since=sight.since + seconds) for key, sight in known.items()
    }


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

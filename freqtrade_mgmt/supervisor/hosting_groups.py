"""Which strategies share a process, and which runner takes one. Pure.

A runner is a process that hosts many strategies of one group: the same interpreter of
freqtrade, the same exchange, reached the same way. A strategy that has a place keeps it,
whoever comes or goes.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from strategies.models import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from freqtrade_mgmt.bot_config import BotSpec

# What a runner holds with hardly a strategy in it, as measured: freqtrade, its libraries
# and the candles, in processes that were forked from one another.
EMPTY_MB: Final = 390.0
# What a strategy adds: its module, and the analysed candles of each pair.
STRATEGY_MB: Final = 1.0
PAIR_MB: Final = 0.2
# Filled so far by what is expected; the rest is for what is not.
FILL: Final = 0.8
# The oldest freqtrade that runners were tried with.
OLDEST: Final = (2025, 12)
# Settings of the exchange that are about a strategy's own pairs, not the connection.
OWN_PAIRS: Final = frozenset({"pair_whitelist", "pair_blacklist"})


class Own:
    """Why a strategy has a process of its own: what is stored, and shown in words."""

    OFF = "off"
    TRADES = "trades"
    ASKED = "asked"
    OLD = "old"
    NEEDS_BOT = "needs_bot"
    RAISED = "raised"
    HUNG = "hung"
    MEMORY = "memory"
    ENDED = "ended"
    SILENT = "silent"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Group:
    """What strategies of one runner have in common.

    ``connection`` is a mark of everything that decides how the exchange is reached;
    ``lot`` sets those apart whose runners ended again and again.
    """

    python: str
    exchange: str
    trading_mode: str
    margin_mode: str
    connection: str
    lot: str = ""

    @property
    def whole(self) -> Group:
        """The group without regard to lots."""
        return replace(self, lot="")

    @classmethod
    def of(cls, python: object, spec: BotSpec, simulator_url: str = "") -> Group:
        """Return the group of a strategy that runs with this interpreter."""
        extra = spec.extra
        wanted = extra.get("exchange")
        section = dict(wanted) if isinstance(wanted, dict) else {}
        kept = {k: value for k, value in section.items() if k not in OWN_PAIRS}
        way = None if spec.proxy is None else asdict(spec.proxy)
        text = json.dumps([kept, way, simulator_url], sort_keys=True, default=str)
        return cls(
            python=str(python),
            exchange=spec.exchange,
            trading_mode=str(extra.get("trading_mode") or "spot"),
            margin_mode=str(extra.get("margin_mode") or ""),
            connection=hashlib.sha256(text.encode()).hexdigest()[:16],
        )

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Group:
        """Return the group that ``asdict`` wrote; raises TypeError for anything else."""
        return cls(**{str(key): str(text) for key, text in value.items()})


@dataclass(frozen=True, slots=True)
class Weight:
    """What a strategy asks of a runner: memory, and analyses when its candle closes."""

    memory_mb: float
    analyses: int

    @classmethod
    def of(cls, pairs: int) -> Weight:
        """Return what a strategy of so many pairs is expected to ask."""
        return cls(STRATEGY_MB + PAIR_MB * pairs, pairs)


@dataclass(frozen=True, slots=True)
class Room:
    """What one runner may hold, in MB, and analyse when a candle closes."""

    memory_mb: float
    analyses: int


@dataclass(frozen=True, slots=True)
class Bench:
    """A runner with who has a place in it; ``held_mb`` is what it was measured to hold.

    ``open`` is false for one that ends, or takes nobody any more.
    """

    name: str
    group: Group
    seats: Mapping[int, Weight] = field(default_factory=dict)
    held_mb: float = 0.0
    open: bool = True

    def fits(self, weight: Weight, room: Room) -> bool:
        """Tell whether one more of this weight has room."""
        expected = EMPTY_MB + sum(each.memory_mb for each in self.seats.values())
        analyses = sum(each.analyses for each in self.seats.values())
        held = max(expected, self.held_mb) + weight.memory_mb
        alone = not self.seats
        return alone or (
            held <= FILL * room.memory_mb
            and analyses + weight.analyses <= room.analyses
        )


def seat(
    strategy_id: int,
    group: Group,
    weight: Weight,
    benches: Iterable[Bench],
    room: Room,
) -> str | None:
    """Return the runner that takes a strategy; None: a new one has to.

    Where it has a place it keeps it. Otherwise the first by name with room: runners fill
    up one after the other, so that few are needed.
    """
    ours = sorted(
        (bench for bench in benches if bench.open and bench.group == group),
        key=lambda bench: _order(bench.name),
    )
    for bench in ours:
        if strategy_id in bench.seats:
            return bench.name
    return next((bench.name for bench in ours if bench.fits(weight, room)), None)


def new_name(exchange: str, taken: Iterable[str]) -> str:
    """Return the name of a new runner: the exchange and the first free number."""
    known = set(taken)
    number = 1
    while f"{exchange}-{number}" in known:
        number += 1
    return f"{exchange}-{number}"


def halves(strategy_ids: Iterable[int], lot: str) -> dict[int, str]:
    """Return new lots for the strategies of a runner that ended again and again.

    Each half gets a runner of its own. Whoever ends it is alone in the end.
    """
    ordered = sorted(strategy_ids)
    middle = (len(ordered) + 1) // 2
    return {
        key: f"{lot}{'a' if place < middle else 'b'}"
        for place, key in enumerate(ordered)
    }


def heaviest(memory_mb: Mapping[int, float], excess_mb: float) -> int | None:
    """Return the strategy whose leaving would be enough; None: it is nobody's alone.

    ``memory_mb`` is what each is reckoned to hold, ``excess_mb`` what is too much.
    """
    if len(memory_mb) < 2:
        return next(iter(memory_mb), None)
    most = max(memory_mb, key=lambda key: (memory_mb[key], key))
    others = [mb for key, mb in memory_mb.items() if key != most]
    stands_out = memory_mb[most] >= 3 * max(others)
    return most if stands_out and memory_mb[most] >= excess_mb else None


def release_order(version: str) -> tuple[int, ...]:
    """Return a version such as 2026.9.1 as numbers that sort."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def own_code(
    *,
    enabled: bool,
    kind: str,
    asked: object,
    version: str | None,
    note: object,
    head: str,
) -> str:
    """Return why a strategy has a process of its own; empty: it shares one.

    ``kind`` is its type, ``asked`` the setting own_process, ``version`` its freqtrade,
    ``note`` what was stored when it was moved out, ``head`` what it runs now: the note
    counts as long as that is the same.
    """
    old = bool(version) and release_order(version or "") < OLDEST
    reasons = {
        Own.TRADES: kind != Strategy.Type.SIGNAL_MONITOR,
        Own.OFF: not enabled,
        Own.ASKED: asked is True,
        Own.OLD: old,
    }
    if isinstance(note, dict):
        reasons[str(note.get("code") or Own.NEEDS_BOT)] = note.get("of") == head
    return next((code for code, holds in reasons.items() if holds), "")


def head_of(version: str, restarts: object) -> str:
    """Return what a note about a strategy is bound to: its version, and restarts by hand."""
    return f"{version}+{restarts or 0}"


def _order(name: str) -> tuple[str, int]:
    exchange, _dash, number = name.rpartition("-")
    return exchange, int(number) if number.isdecimal() else 0

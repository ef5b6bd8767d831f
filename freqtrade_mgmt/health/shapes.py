"""What a health round knows of a strategy. Plain values, so that judging is pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from strategies.lifecycle import WANTED_UP
from strategies.models import Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

RUNNING_STATE: Final = "RUNNING"
# A pair is stale when nothing of it was analysed for this long after its last candle.
STALE_CANDLES: Final = 3
STALE_GRACE: Final = 60.0
# A bot needs so long from its start to its first answer, on a busy machine.
START_SECONDS: Final = 60.0
HEARTBEAT_AGE: Final = 90.0


class Life(StrEnum):
    """What is known of a bot's process."""

    NONE = "none"
    DEAD = "dead"
    ALIVE = "alive"


class Answer(StrEnum):
    """How a bot's API answered."""

    OK = "ok"
    SILENT = "silent"
    STRANGER = "stranger"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """The open row of strategy_processes; ``cpu_s`` and ``seen_at`` as last measured.

    ``node`` is where it runs, empty where only one is known; ``reach`` is how its API is
    reached from elsewhere, encrypted. ``runner`` names the process that it shares with
    others, ``heads`` in all; ``share_mb`` is its share of that one's memory, as its
    supervisor reckons.
    """

    row: int
    pid: int | None
    create_time: float | None
    start_time: datetime
    last_heartbeat: datetime
    freqtrade_version: str = ""
    origin: str = ""
    cpu_s: float | None = None
    seen_at: float | None = None
    node: str = ""
    reach: str = field(default="", repr=False)
    runner: str = ""
    heads: int = 1
    share_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A strategy as the database has it.

    ``candle_s`` is None for a timeframe that cannot be read; ``last_candles`` are open
    times in ms; ``wanted_since`` is when the rounds first saw it wanted without a gap,
    ``no_process_since`` when they first saw it without a process. ``proxy_out`` says
    that the tests of its proxy fail.
    """

    strategy_id: int
    name: str
    status: str
    exchange: str
    pairs: tuple[str, ...]
    candle_s: float | None
    created_at: datetime
    proxy: str = ""
    proxy_name: str = ""
    proxy_out: bool = False
    reason: str = ""
    last_candles: Mapping[str, int] = field(default_factory=dict)
    wanted_since: datetime | None = None
    no_process_since: datetime | None = None
    lowest: Mapping[str, int] | None = None
    alarms: Mapping[str, Any] = field(default_factory=dict)
    process: ProcessRow | None = None

    @property
    def wanted(self) -> bool:
        """Whether somebody wants it to run."""
        return self.status in WANTED_UP

    @property
    def in_error(self) -> bool:
        """Whether it was given up."""
        return self.status == Status.ERROR


@dataclass(frozen=True, slots=True)
class LogFacts:
    """What the last minutes of a bot's log hold: counts, and the newest words of each."""

    errors: int = 0
    strategy_errors: int = 0
    exchange_errors: int = 0
    words: str = ""
    strategy_words: str = ""
    exchange_words: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a living process uses: CPU seconds of its life, resident MB.

    Of one that ``heads`` strategies share: its seconds, and one strategy's part of the MB.
    """

    cpu_s: float
    rss_mb: float
    heads: int = 1


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is known of one strategy now. Ages are seconds.

    ``pairs`` maps each pair to the age of its newest analysed candle since its close,
    None when there is none. ``watched_s`` is for how long the rounds have seen it
    wanted; ``waited_s`` for how long they have seen it without a process.
    """

    strategy_id: int
    status: str
    life: Life = Life.NONE
    answer: Answer = Answer.NOT_ASKED
    reason: str = ""
    bot_state: str = ""
    uptime_s: float = 0.0
    watched_s: float = 0.0
    waited_s: float = 0.0
    heartbeat_age_s: float | None = None
    last_process_age_s: float | None = None
    candle_s: float | None = None
    pairs: Mapping[str, float | None] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    log: LogFacts = field(default_factory=LogFacts)
    signals_24h: int = 0
    usual_24h: float | None = None
    cpu_percent: float = 0.0
    memory_limit_mb: float = 1000.0
    usage: Usage | None = None
    freqtrade_version: str = ""

    @property
    def supervised(self) -> bool | None:
        """Whether the supervisor looks after it; None when that cannot be told."""
        if self.heartbeat_age_s is not None:
            return self.heartbeat_age_s <= HEARTBEAT_AGE
        # The supervisor shows what has no process as starting.
        return False if self.status == Status.RUNNING else None


@dataclass(frozen=True, slots=True)
class Staleness:
    """Which pairs are stale; ``known`` is false while it is too early to tell."""

    known: bool
    pairs: tuple[str, ...] = ()
    worst: str = ""
    age_s: float = 0.0


def staleness(facts: Facts) -> Staleness:
    """Return which pairs have had no analysed candle for too long. Pure.

    After a start of the bot or of the rounds old candles prove nothing, so a pair is
    stale only when it was watched for as long.
    """
    if facts.candle_s is None:
        return Staleness(known=False)
    limit = STALE_CANDLES * facts.candle_s + STALE_GRACE
    old: dict[str, float] = {}
    early = False
    for pair, age in facts.pairs.items():
        if pair in facts.dropped or (age is not None and age <= limit):
            continue
        watched = facts.watched_s if age is not None else _watched_anew(facts)
        if watched > limit:
            old[pair] = watched if age is None else age
        else:
            early = True
    if not old:
        return Staleness(known=not early)
    worst = max(old, key=lambda pair: old[pair])
    return Staleness(known=True, pairs=tuple(old), worst=worst, age_s=old[worst])


def _watched_anew(facts: Facts) -> float:
    # A pair that was never seen may have been added with the bot's last start.
    return min(facts.watched_s, facts.uptime_s)

"""What the supervisor should do next. Pure: the clock and the dice are arguments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

FIRST_DELAY: Final = 5.0
LONGEST_DELAY: Final = 300.0
CRASHES: Final = 5
CRASH_WINDOW: Final = 600.0
START_DEADLINE: Final = 120.0
# For a bot that ran, and answers, and gets no candles: its exchange is away. It heals by
# itself, while a new one could not even start.
OUTAGE_DEADLINE: Final = 1800.0
STOP_DEADLINE: Final = 15.0
# Each takes the supervisor some hundredths of a second.
SHARED_STARTS: Final = 10
NOT_WANTED: Final = "it is no longer wanted"
NOTHING: Final = "it analysed nothing"
RESTARTED: Final = "it is restarted"
MOVED: Final = "it moves to another node"
LEASE_LATE: Final = "its lease could not be renewed"
LEASE_LOST: Final = "another node runs it now"
# Ends that somebody asked for: nothing went wrong, nothing is waited for.
ASKED: Final = frozenset({NOT_WANTED, RESTARTED, MOVED, LEASE_LATE, LEASE_LOST})


class Phase(StrEnum):
    """How far a bot has come."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


class Kind(StrEnum):
    """What can be done with a bot."""

    START = "start"
    PROVE = "prove"
    DOUBT = "doubt"
    STOP = "stop"
    KILL = "kill"
    BURY = "bury"


class Cause(StrEnum):
    """Why a bot ended by itself."""

    CONFIGURATION = "configuration"
    EXCHANGE = "exchange"
    CRASH = "crash"


@dataclass(frozen=True, slots=True)
class Observed:
    """A bot as it is seen now. Times are seconds of one clock.

    ``current`` is false when the strategy was changed since the bot's start, or a
    restart was asked for; ``healthy`` says that it ran in this life and answers well;
    ``ran`` says that it ran, whatever it does now; ``doubt`` and ``excess`` are words
    for what is wrong: with what it does, and with how much it uses. ``shares`` says
    that it has a place in a process that others have places in.
    """

    strategy_id: int
    phase: Phase
    alive: bool
    proven: bool
    since: float
    current: bool = True
    healthy: bool = False
    ran: bool = False
    doubt: str = "it has stopped analysing candles"
    excess: str = ""
    shares: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, and why in words."""

    kind: Kind
    strategy_id: int
    reason: str


class End(NamedTuple):
    """An unasked end: when (seconds of the plan's clock), and why."""

    at: float
    cause: Cause


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from an unasked end: wait ``delay`` seconds, or give up."""

    give_up: bool
    delay: float
    reason: str


def plan(
    wanted: Collection[int],
    observed: Sequence[Observed],
    waiting: Mapping[int, float],
    now: float,
    starts_at_once: int,
    sharing: Collection[int] = frozenset(),
) -> list[Action]:
    """Return what to do so that exactly the wanted strategies run.

    ``waiting`` holds the time before which a strategy is not started again.
    Ends come before starts. One call starts at most one bot, and at most
    ``starts_at_once`` are starting at any time, so that one address does not ask the
    exchange for everything in the same second. One that ran and is doubted takes no
    place: an exchange that is out would keep the bots of all others from starting.
    Those that share processes (``sharing``) ask the exchange together, and start in
    bunches.
    """
    actions = [action for bot in observed if (action := _next(bot, wanted, now))]
    present = {bot.strategy_id for bot in observed}
    room = starts_at_once - sum(
        bot.phase is Phase.STARTING and not bot.ran and not bot.shares
        for bot in observed
    )
    # Whoever waits longest goes first: those that fail and fail again leave room.
    due = sorted(
        (waiting.get(strategy_id, 0.0), strategy_id)
        for strategy_id in wanted
        if strategy_id not in present and waiting.get(strategy_id, 0.0) <= now
    )
    own = [key for _since, key in due if key not in sharing][: max(min(room, 1), 0)]
    shared = [key for _since, key in due if key in sharing][:SHARED_STARTS]
    return actions + [
        Action(Kind.START, key, "it is wanted") for key in [*own, *shared]
    ]


def _next(bot: Observed, wanted: Collection[int], now: float) -> Action | None:
    if not bot.alive:
        return Action(Kind.BURY, bot.strategy_id, "the process has ended")
    if bot.phase is Phase.STOPPING:
        return _next_of_stopping(bot, now)
    if bot.strategy_id not in wanted:
        return Action(Kind.STOP, bot.strategy_id, NOT_WANTED)
    return _next_of_wanted(bot, now)


def _next_of_wanted(bot: Observed, now: float) -> Action | None:
    if bot.excess:
        return Action(Kind.KILL, bot.strategy_id, bot.excess)
    if not bot.current:
        return Action(Kind.STOP, bot.strategy_id, RESTARTED)
    if bot.phase is Phase.STARTING:
        return _next_of_starting(bot, now)
    return _next_of_running(bot)


def _next_of_running(bot: Observed) -> Action | None:
    if bot.proven:
        return None
    return Action(Kind.DOUBT, bot.strategy_id, bot.doubt)


def _next_of_stopping(bot: Observed, now: float) -> Action | None:
    if now - bot.since <= STOP_DEADLINE:
        return None
    reason = f"it did not stop in {STOP_DEADLINE:.0f} s"
    return Action(Kind.KILL, bot.strategy_id, reason)


def _next_of_starting(bot: Observed, now: float) -> Action | None:
    if bot.proven:
        return Action(Kind.PROVE, bot.strategy_id, "it analyses candles")
    deadline = OUTAGE_DEADLINE if bot.healthy else START_DEADLINE
    if now - bot.since > deadline:
        reason = f"{NOTHING} in {deadline:.0f} s"
        return Action(Kind.STOP, bot.strategy_id, reason)
    return None


def verdict(
    cause: Cause, ends: Sequence[End], now: float, reason: str, dice: float
) -> Verdict:
    """Decide about a bot that ended unasked.

    ``ends`` are its earlier unasked ends, ``dice`` is in 0 to 1. An exchange that does
    not answer is waited for without end; a configuration error is not tried again;
    other ends count towards a crash loop, and they alone.
    """
    if cause is Cause.CONFIGURATION:
        return Verdict(give_up=True, delay=0, reason=reason)
    recent = [end for end in ends if now - end.at < CRASH_WINDOW]
    crashes = sum(end.cause is Cause.CRASH for end in recent)
    if cause is Cause.CRASH and crashes + 1 >= CRASHES:
        said = f"It ended {CRASHES} times in {CRASH_WINDOW / 60:.0f} minutes: {reason}"
        return Verdict(give_up=True, delay=0, reason=said)
    delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** len(recent))
    # A quarter of jitter: bots that fell together do not rise together.
    return Verdict(give_up=False, delay=delay * (1 + dice / 4), reason=reason)


CONFIGURATION_SIGNS: Final = (
    re.compile(r"Configuration error: .*"),
    re.compile(r"Impossible to load Strategy .*"),
    re.compile(r"Config file .* not found.*"),
    re.compile(r"Exchange .* is not supported.*|Exchange .* does not support .*"),
    re.compile(r"InvalidProxySettings.*"),
)
EXCHANGE_SIGNS: Final = (
    re.compile(r"Could not load markets.*"),
    # A SOCKS proxy that fails ends the bot before it can say so itself.
    re.compile(r"\bProxy(?:Connection|Timeout)?Error: .*"),
)
SIGNS: Final = (
    (Cause.EXCHANGE, EXCHANGE_SIGNS),
    (Cause.CONFIGURATION, CONFIGURATION_SIGNS),
)
FAILED_IMPORT: Final = re.compile(r"Could not import .* due to .*")
RAISED: Final = re.compile(
    r"Strategy caused the following exception: (?P<one>.+) in .*, calling "
    r"|Unexpected error (?P<other>.+) calling <"
)


def cause_of(log_tail: str, exit_code: int | None) -> tuple[Cause, str]:
    """Return why a bot ended and the words for it, from the end of its log.

    The last telling line counts. A process that was killed did not end for what its
    log says.
    """
    lines = log_tail.splitlines()
    errors = [
        line for line in lines if " - ERROR - " in line or " - CRITICAL - " in line
    ]
    words = errors[-1].split(" - ", 3)[-1].strip(" .") if errors else ""
    if exit_code is not None and exit_code < 0:
        return Cause.CRASH, words
    for line in reversed(lines):
        for cause, signs in SIGNS:
            for sign in signs:
                if found := sign.search(line):
                    return cause, _with_import(found[0].strip(" ."), lines)
    return Cause.CRASH, words


def raised_in(log_tail: str) -> str:
    """Return the exception that a strategy raised last, as freqtrade logged it.

    Empty where it raised none. freqtrade itself goes on after each, and analyses nothing.
    """
    found = [each["one"] or each["other"] for each in RAISED.finditer(log_tail)]
    return str(found[-1]) if found else ""


def _with_import(words: str, lines: Sequence[str]) -> str:
    """Add which import failed: freqtrade tells it in a line of its own, as a warning."""
    reasons = [found[0] for line in lines if (found := FAILED_IMPORT.search(line))]
    told = words.startswith("Impossible to load Strategy") and reasons
    return f"{reasons[-1].strip(' .')}. {words}" if told else words


SIGNAL_WORDS: Final = {
    9: "it was killed (signal 9); probably the machine ran out of memory",
    11: "it crashed (segmentation fault)",
    15: "it was told to end (signal 15) by somebody else",
}


def end_in_words(
    exit_code: int | None, log_words: str, killed_because: str = ""
) -> str:
    """Return one sentence about how a process ended.

    ``killed_because`` is why we killed it, if we did.
    """
    if killed_because:
        return f"we killed it, because {killed_because}"
    if exit_code is None:
        how = "it ended while nobody was watching"
    elif exit_code < 0:
        how = SIGNAL_WORDS.get(-exit_code, f"it was ended by signal {-exit_code}")
    else:
        how = f"it ended by itself with code {exit_code}"
    return f"{how}: {log_words}" if log_words else how

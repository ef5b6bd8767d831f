"""What people must be told now: alarms with a memory, so that nothing is told twice.

An alarm is raised when its condition was seen in two rounds running, told once, and
cleared when it was not seen in two rounds running; reminders are the alert's affair.
What many strategies hang on (the supervisor, a proxy, an exchange) has one alarm, which
mutes those of the strategies behind it. Pure: state in, state and notes out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.health.conditions import FREE_OF_GROUPS, RULES, Conditions
from freqtrade_mgmt.health.groups import Behind, Verdict, groups_judge, known_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROUNDS: Final = 2
# What the start of one strategy takes on a small machine, with the next one beside it.
START_EACH: Final = timedelta(seconds=6)

NEW: Final[dict[str, Any]] = {
    "told": False,
    "told_at": None,
    "muted_by": None,
    "bad": 0,
    "good": 0,
    "values": {},
}

# The alarms of one strategy as they are stored: code to state.
Alarms = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Watched:
    """A wanted strategy in this round, with its alarms of the round before."""

    strategy_id: int
    name: str
    conditions: Conditions
    behind: Behind
    alarms: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """Something to tell: ``kind`` is raised or well.

    ``name`` is the strategy, empty for a group; ``names`` are the strategies behind a
    group; ``left`` are the codes and values of what goes on.
    """

    kind: str
    priority: str
    since: datetime
    code: str
    values: Mapping[str, Any]
    name: str = ""
    names: tuple[str, ...] = ()
    strategy_ids: tuple[int, ...] = ()
    left: tuple[tuple[str, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The alarms of every strategy now, and what is to be told."""

    alarms: Mapping[int, Alarms]
    notes: tuple[Note, ...] = ()


def step(
    watched: Sequence[Watched], now: datetime, *, supervised: bool | None
) -> Outcome:
    """Return the alarms after this round. ``supervised`` is about the supervisor."""
    known = _groups_known(watched)
    raised = {code for code, state in known.items() if state["bad"] >= ROUNDS}
    verdicts = groups_judge(
        [one.behind for one in watched], raised, supervised=supervised
    )
    groups, notes = _groups_step(known, verdicts, watched, now)
    alarms: dict[int, Alarms] = {}
    for one in watched:
        carried = {code: groups[code] for code in one.behind.groups if code in groups}
        own, told = _strategy_step(
            one, _muting(one, verdicts, groups), now, len(watched)
        )
        alarms[one.strategy_id] = own | carried
        notes += told
    return Outcome(alarms, tuple(notes))


def _groups_known(watched: Iterable[Watched]) -> dict[str, dict[str, Any]]:
    """Return the state of each group: every strategy behind it carries a copy."""
    known: dict[str, dict[str, Any]] = {}
    for one in watched:
        for code in one.behind.groups:
            state = _stored(one, code)
            if state and (code not in known or state["since"] < known[code]["since"]):
                known[code] = state
    return known


def _groups_step(
    known: Mapping[str, dict[str, Any]],
    verdicts: Mapping[str, Verdict],
    watched: Sequence[Watched],
    now: datetime,
) -> tuple[dict[str, dict[str, Any]], list[Note]]:
    groups: dict[str, dict[str, Any]] = {}
    notes = []
    elsewhere = known_out([one.behind for one in watched])
    for code in known.keys() | verdicts.keys():
        verdict = verdicts.get(code, Verdict(out=False))
        state = _advance(known.get(code), verdict.out, verdict.values, now)
        if state is None:
            continue
        # What others have proven, others tell.
        muted_by = code if code in elsewhere else None
        kind, state = _tell(state, now, hold=timedelta(0), muted_by=muted_by)
        if kind:
            notes.append(_group_note(kind, code, state, watched))
        if not _over(state):
            groups[code] = state
    return groups, notes


def _group_note(
    kind: str, code: str, state: Mapping[str, Any], watched: Sequence[Watched]
) -> Note:
    members = [one for one in watched if code in one.behind.groups]
    return Note(
        kind=kind,
        priority="P0",
        since=datetime.fromisoformat(state["since"]),
        code=code,
        values=state["values"],
        names=tuple(one.name for one in members),
        strategy_ids=tuple(one.strategy_id for one in members),
    )


def _muting(
    one: Watched,
    verdicts: Mapping[str, Verdict],
    groups: Mapping[str, Mapping[str, Any]],
) -> str | None:
    """Return the group that mutes the alarms of a strategy, if one does."""
    for code in one.behind.groups:
        verdict = verdicts.get(code)
        # From its first sight on: else those who notice first would be told alone.
        if code in groups and (
            groups[code]["bad"] >= ROUNDS or (verdict is not None and verdict.out)
        ):
            return code
    return None


def _strategy_step(
    one: Watched, muted_by: str | None, now: datetime, strategies: int
) -> tuple[Alarms, list[Note]]:
    alarms: Alarms = {}
    notes: list[Note] = []
    over: list[tuple[str, dict[str, Any]]] = []
    for code in RULES:
        truth = one.conditions.truth(code)
        values = one.conditions.present.get(code, {})
        state = _advance(_stored(one, code), truth, values, now)
        if state is None:
            continue
        mute = None if code in FREE_OF_GROUPS else muted_by
        hold = hold_of(code, strategies)
        kind, state = _tell(state, now, hold=hold, muted_by=mute)
        if not _over(state):
            alarms[code] = state
        if kind == "well":
            over.append((code, state))
        elif kind:
            notes.append(_note(kind, one, code, state))
    if over:
        notes.append(_well(one, over, alarms))
    return alarms, notes


def hold_of(code: str, strategies: int) -> timedelta:
    """Return how long a condition must hold before it is told.

    ``strategies`` are wanted in all: they start one after the other, so the last of
    many waits long without anything being wrong.
    """
    hold = RULES[code].hold
    return max(hold, strategies * START_EACH) if code == "not_started" else hold


def _note(kind: str, one: Watched, code: str, state: Mapping[str, Any]) -> Note:
    return Note(
        kind=kind,
        priority=RULES[code].priority,
        since=datetime.fromisoformat(state["since"]),
        code=code,
        values=state["values"],
        name=one.name,
        strategy_ids=(one.strategy_id,),
    )


def _well(
    one: Watched, over: Sequence[tuple[str, dict[str, Any]]], left: Alarms
) -> Note:
    """One message for all that ended, to everybody who was told of any of it."""
    code, state = min(over, key=lambda pair: RULES[pair[0]].priority)
    return Note(
        kind="well",
        priority=RULES[code].priority,
        since=min(datetime.fromisoformat(each["since"]) for _code, each in over),
        code=code,
        values=state["values"],
        name=one.name,
        strategy_ids=(one.strategy_id,),
        left=tuple(
            (code, state["values"]) for code, state in left.items() if state["told"]
        ),
    )


def _stored(one: Watched, code: str) -> dict[str, Any] | None:
    """Return the state of the round before; one that cannot be read never was."""
    state = one.alarms.get(code)
    if not isinstance(state, dict):
        return None
    try:
        datetime.fromisoformat(state["since"])
        datetime.fromisoformat(state.get("told_at") or state["since"])
    except (KeyError, TypeError, ValueError):
        return None
    return {**NEW, **state, "told_at": state.get("told_at") or state["since"]}


def _advance(
    state: Mapping[str, Any] | None,
    truth: bool | None,  # noqa: FBT001 - the third value is unknown
    values: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any] | None:
    """Return the state after one more look; None while there is no alarm at all."""
    if state is None:
        if not truth:
            return None
        state = {**NEW, "since": now.isoformat()}
    if truth is None:
        return dict(state)
    if truth:
        return {
            **state,
            "bad": min(state["bad"] + 1, ROUNDS),
            "good": 0,
            "values": dict(values),
        }
    return {**state, "good": state["good"] + 1}


def _over(state: Mapping[str, Any]) -> bool:
    # What was never raised is forgotten at once.
    return bool(state["good"] >= (ROUNDS if state["bad"] >= ROUNDS else 1))


def _tell(
    state: dict[str, Any], now: datetime, *, hold: timedelta, muted_by: str | None
) -> tuple[str, dict[str, Any]]:
    """Return what is to be told ("" for nothing), and the state after that."""
    was_muted = state["muted_by"] is not None
    if _over(state):
        # The all-clear of what muted it speaks for it as well.
        return ("well" if state["told"] and not was_muted else ""), state
    state = {**state, "muted_by": muted_by}
    if muted_by is not None:
        return "", state
    if was_muted and not state["told"]:
        # What muted it is over: it has two rounds of its own to recover.
        return "", {**state, "bad": min(1, state["bad"]), "good": 0}
    due = _due(state, now, hold)
    if due:
        state = {**state, "told": True, "told_at": now.isoformat()}
    return due, state


def _due(state: Mapping[str, Any], now: datetime, hold: timedelta) -> str:
    since = datetime.fromisoformat(state["since"])
    if state["told"] or state["good"] or state["bad"] < ROUNDS or now - since < hold:
        return ""
    return "raised"

"""What comes next in an upgrade: tables of cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.utils.translation import override

from freqtrade_mgmt.supervisor.revisions import is_current, revision
from freqtrade_mgmt.upgrades.canary import Candidate, Health, canary_of, worse
from freqtrade_mgmt.upgrades.plan import (
    LOST,
    PROVE,
    Kind,
    Operation,
    Seen,
    Stage,
    Step,
    next_step,
    not_back,
)
from freqtrade_mgmt.upgrades.schema import Column, obstacle
from freqtrade_mgmt.upgrades.words import STEPS, english, shown

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD, NEW = "2026.7", "2026.9"
ON_OLD, ON_NEW = Seen(version=OLD, running=True), Seen(version=NEW, running=True)
STARTING = Seen(version=NEW, away_since=NOW - timedelta(seconds=5))
NONE = Seen(away_since=NOW)
STOPPED = Seen(wanted=False)
WAITS = Seen(waits=True)


def op(stage: Stage = Stage.MOVE, **fields: object) -> Operation:
    made = Operation(1, stage, OLD, NEW, canary=2, order=(1, 2, 3), moved_at=NOW)
    return replace(made, **fields)  # type: ignore[arg-type]


def ids(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


ALL_OLD = {1: ON_OLD, 2: ON_OLD, 3: ON_OLD}
WATCHED = op(moved=ids(2), proven=ids(2), watched=True)
FORWARD = [
    ("nothing is known yet", op(Stage.CHECK), ALL_OLD, (Kind.CHECK, None)),
    ("checked", op(Stage.BACKUP), ALL_OLD, (Kind.BACKUP, None)),
    ("the canary first", op(), ALL_OLD, (Kind.MOVE, 2)),
    ("it stops", op(moved=ids(2)), ALL_OLD, (Kind.WAIT, None)),
    ("no process", op(moved=ids(2)), ALL_OLD | {2: NONE}, (Kind.WAIT, None)),
    ("it starts", op(moved=ids(2)), ALL_OLD | {2: STARTING}, (Kind.WAIT, None)),
    ("it is proven", op(moved=ids(2)), ALL_OLD | {2: ON_NEW}, (Kind.PROVEN, 2)),
    (
        "its watch begins",
        op(moved=ids(2), proven=ids(2)),
        ALL_OLD | {2: ON_NEW},
        (Kind.WATCH, 2),
    ),
    (
        "it is watched",
        op(moved=ids(2), proven=ids(2), watch_until=NOW + timedelta(seconds=1)),
        ALL_OLD | {2: ON_NEW},
        (Kind.WAIT, None),
    ),
    (
        "its time is over",
        op(moved=ids(2), proven=ids(2), watch_until=NOW),
        ALL_OLD | {2: ON_NEW},
        (Kind.WATCHED, 2),
    ),
    (
        "its time is over, but it is not up",
        op(moved=ids(2), proven=ids(2), watch_until=NOW),
        ALL_OLD | {2: STARTING},
        (Kind.WAIT, None),
    ),
    (
        "its time is over, but its health is in doubt",
        op(moved=ids(2), proven=ids(2), watch_until=NOW),
        ALL_OLD | {2: replace(ON_NEW, doubtful=True)},
        (Kind.WAIT, None),
    ),
    (
        "one that was stopped long ago and is started now has its time",
        replace(WATCHED, moved=ids(1, 2), moved_at=NOW - 2 * PROVE),
        {1: replace(STARTING, away_since=NOW), 2: ON_NEW, 3: ON_OLD},
        (Kind.WAIT, None),
    ),
    (
        "one whose proxy is out is not moved",
        replace(WATCHED, moved=ids(1, 2), proven=ids(1, 2)),
        {1: ON_NEW, 2: ON_NEW, 3: WAITS},
        (Kind.COMPLETE, None),
    ),
    (
        "one whose proxy went out is not waited for",
        replace(WATCHED, moved=ids(1, 2), moved_at=NOW - 2 * PROVE),
        {1: WAITS, 2: ON_NEW, 3: ON_OLD},
        (Kind.MOVE, 3),
    ),
    (
        "the watch of a canary goes on when its proxy is back",
        op(moved=ids(2), proven=ids(2), watch_until=NOW),
        ALL_OLD | {2: WAITS},
        (Kind.WAIT, None),
    ),
    ("the next one", WATCHED, ALL_OLD | {2: ON_NEW}, (Kind.MOVE, 1)),
    (
        "one at a time",
        replace(WATCHED, moved=ids(1, 2)),
        {1: STARTING, 2: ON_NEW, 3: ON_OLD},
        (Kind.WAIT, None),
    ),
    (
        "one that was stopped is not waited for",
        replace(WATCHED, moved=ids(1, 2)),
        {1: STOPPED, 2: ON_NEW, 3: ON_OLD},
        (Kind.MOVE, 3),
    ),
    (
        "one that was deleted is not waited for",
        replace(WATCHED, moved=ids(1, 2)),
        {2: ON_NEW, 3: STOPPED},
        (Kind.COMPLETE, None),
    ),
    (
        "one that was started meanwhile moves too",
        replace(WATCHED, moved=ids(1, 2, 3), proven=ids(1, 2, 3)),
        {1: ON_NEW, 2: ON_NEW, 3: ON_NEW, 9: ON_OLD},
        (Kind.MOVE, 9),
    ),
    (
        "all are there",
        replace(WATCHED, moved=ids(1, 2, 3), proven=ids(1, 2, 3)),
        {1: ON_NEW, 2: ON_NEW, 3: ON_NEW},
        (Kind.COMPLETE, None),
    ),
    ("none runs", op(canary=None), {1: STOPPED}, (Kind.COMPLETE, None)),
]


@pytest.mark.parametrize(("_name", "state", "seen", "wanted"), FORWARD)
def test_what_comes_next_on_the_way_forward(
    _name: str,
    state: Operation,
    seen: dict[int, Seen],
    wanted: tuple[Kind, int | None],
) -> None:
    step = next_step(state, seen, NOW)
    assert (step.kind, step.strategy_id) == wanted


MOVED = op(moved=ids(2))
LONG_AGO = NOW - PROVE - timedelta(seconds=1)
AWAY = NOW - LOST - timedelta(seconds=1)
FAULTS = [
    ("crashes", MOVED, replace(STARTING, crashes=2, reason="boom"), "boom"),
    ("cannot_run", MOVED, replace(NONE, fatal="no module"), "no module"),
    (
        "not_proven",
        replace(MOVED, moved_at=LONG_AGO),
        replace(STARTING, away_since=LONG_AGO),
        "",
    ),
    (
        "worse",
        replace(WATCHED, watched=False),
        replace(ON_NEW, worse="40/100"),
        "40/100",
    ),
    ("lost", WATCHED, replace(STARTING, away_since=AWAY), ""),
    ("canary_stopped", replace(WATCHED, watched=False), STOPPED, ""),
]


@pytest.mark.parametrize(("why", "state", "canary", "words"), FAULTS)
def test_whatever_is_wrong_with_one_takes_all_back(
    why: str, state: Operation, canary: Seen, words: str
) -> None:
    step = next_step(state, ALL_OLD | {2: canary}, NOW)
    assert step == Step(Kind.TURN_BACK, 2, why, words)


def test_one_crash_is_forgiven() -> None:
    seen = ALL_OLD | {2: replace(STARTING, crashes=1)}
    assert next_step(MOVED, seen, NOW).kind is Kind.WAIT


def test_a_strategy_that_nobody_wants_any_more_condemns_nothing() -> None:
    seen = {1: ON_OLD, 2: replace(STOPPED, crashes=5, fatal="x")}
    assert next_step(WATCHED, seen, NOW) == Step(Kind.MOVE, 1)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (op(Stage.CHECK, stop="ann"), Kind.CANCEL),
        (op(Stage.BACKUP, stop="ann"), Kind.CANCEL),
        (op(Stage.MOVE, stop="ann"), Kind.CANCEL),
        (op(moved=ids(2), stop="ann"), Kind.TURN_BACK),
        (replace(WATCHED, moved=ids(1, 2), stop="ann"), Kind.TURN_BACK),
    ],
)
def test_who_asks_for_the_end_gets_it_at_once(state: Operation, kind: Kind) -> None:
    step = next_step(state, ALL_OLD, NOW)
    assert (step.kind, step.words) == (kind, "ann")


BACK = op(Stage.RETURN, moved=ids(1, 2), back=ids(1, 2))
RETURNED = op(Stage.RETURN, returned=ids(1, 2), returned_at=NOW)
BACKWARD = [
    ("they stop", BACK, {1: ON_NEW, 2: ON_NEW}, (Kind.WAIT, None)),
    ("one has ended", BACK, {1: NONE, 2: ON_NEW}, (Kind.TAKE_BACK, 1)),
    ("one does not run anyway", BACK, {1: ON_NEW, 2: STOPPED}, (Kind.TAKE_BACK, 2)),
    ("one was deleted", replace(BACK, back=ids(7)), {}, (Kind.TAKE_BACK, 7)),
    ("they start", RETURNED, {1: ON_OLD, 2: NONE}, (Kind.WAIT, None)),
    ("on the wrong one", RETURNED, {1: ON_OLD, 2: ON_NEW}, (Kind.WAIT, None)),
    ("they run", RETURNED, {1: ON_OLD, 2: ON_OLD}, (Kind.FINISH_BACK, None)),
    ("one is stopped", RETURNED, {1: ON_OLD, 2: STOPPED}, (Kind.FINISH_BACK, None)),
    (
        "one does not come",
        replace(RETURNED, returned_at=LONG_AGO),
        {1: ON_OLD, 2: NONE},
        (Kind.FINISH_BACK, None),
    ),
    ("nothing was moved", op(Stage.RETURN), ALL_OLD, (Kind.FINISH_BACK, None)),
]


@pytest.mark.parametrize(("_name", "state", "seen", "wanted"), BACKWARD)
def test_what_comes_next_on_the_way_back(
    _name: str,
    state: Operation,
    seen: dict[int, Seen],
    wanted: tuple[Kind, int | None],
) -> None:
    step = next_step(state, seen, NOW)
    assert (step.kind, step.strategy_id) == wanted


def test_who_is_not_back_is_named() -> None:
    assert not_back(RETURNED, {1: ON_OLD, 2: NONE}) == [2]


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([], None),
        ([Candidate(1, score=60), Candidate(2, score=90)], 2),
        ([Candidate(1, score=90, signals=3), Candidate(2, score=90, signals=9)], 2),
        ([Candidate(1, live=True, score=100), Candidate(2, score=10)], 2),
        ([Candidate(7, live=True)], 7),
        ([Candidate(2), Candidate(1)], 1),
    ],
)
def test_the_canary_is_healthy_busy_and_does_not_trade_for_real(
    candidates: list[Candidate], chosen: int | None
) -> None:
    assert canary_of(candidates) == chosen


GOOD, FAIR = Health(95, "good"), Health(60, "fair", "errors")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (GOOD, GOOD, ""),
        (GOOD, FAIR, "60/100: errors"),
        (None, FAIR, "60/100: errors"),
        (None, GOOD, ""),
        (FAIR, FAIR, ""),
        (FAIR, Health(10, "bad"), "10/100"),
        (GOOD, None, ""),
        (Health(0, "none"), FAIR, "60/100: errors"),
        (GOOD, Health(0, "none"), ""),
    ],
)
def test_worse_is_a_lower_level_than_before(
    before: Health | None, after: Health | None, words: str
) -> None:
    assert worse(before, after) == words


TABLE = {"trades": {"id": Column("INTEGER", needed=True), "pair": Column("VARCHAR")}}


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (TABLE, ""),
        (TABLE | {"wallets": {}}, ""),
        ({"trades": TABLE["trades"] | {"tag": Column("VARCHAR")}}, ""),
        ({"trades": TABLE["trades"] | {"tag": Column("VARCHAR", True)}}, "trades.tag"),
        ({"trades": {"id": TABLE["trades"]["id"]}}, "trades.pair"),
        ({"trades": TABLE["trades"] | {"pair": Column("BLOB")}}, "trades.pair"),
        ({}, "trades"),
    ],
)
def test_what_keeps_an_old_version_from_a_database(
    now: dict[str, dict[str, Column]], why: str
) -> None:
    assert obstacle(TABLE, now) == why


def test_bots_of_the_release_before_this_one_are_not_started_again_for_nothing() -> (
    None
):
    wanted = revision("v1.0", 3, NEW)
    assert is_current(wanted, wanted, NEW)
    assert is_current(wanted, "v1.0+3", NEW)
    assert not is_current(wanted, "v1.0+3", OLD)
    assert not is_current(wanted, "v1.0+2", NEW)
    assert not is_current(wanted, revision("v1.0", 3, OLD), OLD)
    assert not is_current(wanted, "", NEW)


def test_a_bot_of_the_release_before_that_goes_directly_is_replaced_for_a_proxy() -> (
    None
):
    assert not is_current(revision("v1.0", 3, NEW, "7.aa"), "v1.0+3", NEW)


VALUES = {
    "from": OLD,
    "to": NEW,
    "name": "Cross",
    "names": "Cross",
    "count": 2,
    "good": 1,
    "seconds": 5,
    "problem": "it broke.",
    "path": "/x",
    "who": "ann",
    "obstacle": "trades.id",
}


@pytest.mark.parametrize("code", STEPS)
def test_every_step_is_a_sentence(code: str) -> None:
    words = english(code, VALUES)
    assert words.endswith((".", ")"))
    assert ".." not in words
    with override("en"):
        assert shown({"step": code, "data": VALUES, "words": "x"}) == words


def test_a_step_of_another_release_of_ours_is_shown_as_it_was_stored() -> None:
    assert shown({"step": "gone", "data": {}, "words": "It went."}) == "It went."
    assert shown({"step": "moved", "data": {}, "words": "It went."}) == "It went."

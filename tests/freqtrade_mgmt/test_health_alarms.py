"""Alarms are told once, cleared once, and one cause makes one alarm."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from freqtrade_mgmt.health.alarms import Alarms, Note, Watched, step
from freqtrade_mgmt.health.conditions import Conditions, conditions
from freqtrade_mgmt.health.groups import Behind, groups_judge
from freqtrade_mgmt.health.score import rate
from freqtrade_mgmt.health.shapes import Answer, Life, LogFacts
from tests.freqtrade_mgmt.test_health_score import (
    ALL_OLD,
    NONE,
    OLD,
    SILENT,
    STARTED,
    STOPPED,
    WELL,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STALE: dict[str, Any] = {"stale": {"pair": "BTC/USDT", "minutes": 5}}
BEHIND_BINANCE = {"supervisor": "supervisor", "exchange:binance": "binance"}


@dataclass
class System:
    """Runs rounds and remembers what the database would remember."""

    alarms: dict[int, Alarms] = field(default_factory=dict)
    now: datetime = NOW
    supervised: bool | None = True

    def round(self, *each: tuple[Conditions, Behind], seconds: int = 30) -> list[Note]:
        """One round; each strategy gives its conditions and what it hangs on."""
        self.now += timedelta(seconds=seconds)
        watched = [
            Watched(number, f"s{number}", found, behind, self.alarms.get(number, {}))
            for number, (found, behind) in enumerate(each, 1)
        ]
        outcome = step(watched, self.now, supervised=self.supervised)
        self.alarms = dict(outcome.alarms)
        return list(outcome.notes)


def one(*unknown: str, **present: Any) -> tuple[Conditions, Behind]:
    """A strategy that accuses nobody else."""
    behind = Behind(BEHIND_BINANCE, sick=None)
    return Conditions(present, frozenset(unknown)), behind


def sick(present: dict[str, Any] = STALE, **changes: Any) -> tuple[Conditions, Behind]:
    """A stale strategy that looks like an outage of its exchange."""
    plain: dict[str, Any] = {
        "groups": BEHIND_BINANCE,
        "sick": True,
        "ailing": True,
        "newest_s": 400.0,
    }
    return Conditions(present), Behind(**(plain | changes))


def well(**changes: Any) -> tuple[Conditions, Behind]:
    """A strategy whose candles arrive."""
    plain: dict[str, Any] = {"groups": BEHIND_BINANCE, "newest_s": 20.0}
    return Conditions(), Behind(**(plain | changes))


def kinds(notes: list[Note]) -> list[tuple[str, str]]:
    return [(note.kind, note.code) for note in notes]


# -- One strategy -----------------------------------------------------------


def test_an_alarm_is_told_at_its_second_sight_and_never_again() -> None:
    system = System()
    assert system.round(one(**STALE)) == []
    (note,) = system.round(one(**STALE))
    assert (note.kind, note.priority, note.name) == ("raised", "P0", "s1")
    assert note.since == NOW + timedelta(seconds=30)
    for _ in range(50):
        assert system.round(one(**STALE)) == []


def test_what_is_seen_once_is_forgotten() -> None:
    system = System()
    for _ in range(5):
        assert system.round(one(**STALE)) == []
        assert system.round(one()) == []
    assert system.alarms == {1: {}}


def test_reminders_are_left_to_the_alert() -> None:
    system = System()
    system.round(one(**STALE))
    system.round(one(**STALE))
    assert system.round(one(**STALE), seconds=23 * 3600) == []
    assert system.round(one(**STALE), seconds=3600) == []
    assert system.round(one(**STALE), seconds=23 * 3600) == []


def test_it_is_well_again_once_after_two_good_rounds() -> None:
    system = System()
    system.round(one(**STALE))
    system.round(one(**STALE))
    assert system.round(one()) == []
    (note,) = system.round(one())
    assert (note.kind, note.code, note.left) == ("well", "stale", ())
    assert system.alarms == {1: {}}
    assert system.round(one()) == []


def test_an_alarm_that_flickers_is_told_once() -> None:
    system = System()
    system.round(one(**STALE))
    assert len(system.round(one(**STALE))) == 1
    for _ in range(10):
        assert system.round(one()) == []
        assert system.round(one(**STALE)) == []


def test_what_cannot_be_told_neither_raises_nor_clears() -> None:
    system = System()
    assert system.round(one("stale")) == []
    assert system.alarms == {1: {}}
    system.round(one(**STALE))
    system.round(one("stale"))
    assert len(system.round(one(**STALE))) == 1
    for _ in range(5):
        assert system.round(one("stale")) == []
    assert system.alarms[1]["stale"]["told"] is True


def test_several_that_end_together_are_one_message_of_the_highest_priority() -> None:
    system = System()
    both = one(**STALE, errors={"count": 3})
    system.round(both)
    assert len(system.round(both)) == 2
    system.round(one())
    (note,) = system.round(one())
    assert (note.kind, note.priority, note.code) == ("well", "P0", "stale")


def test_while_another_alarm_goes_on_it_is_not_called_well() -> None:
    system = System()
    both = one(**STALE, errors={"count": 3})
    system.round(both)
    system.round(both)
    system.round(one(errors={"count": 4}))
    (note,) = system.round(one(errors={"count": 4}))
    assert note.left == (("errors", {"count": 4}),)


def test_a_start_has_three_minutes_before_it_is_an_alarm() -> None:
    system = System()
    waiting = one(not_started={"minutes": 1})
    for _ in range(6):
        assert system.round(waiting) == []
    assert kinds(system.round(waiting)) == [("raised", "not_started")]


def test_quiet_is_less_urgent() -> None:
    system = System()
    system.round(one(quiet={"usual": "9"}))
    (note,) = system.round(one(quiet={"usual": "9"}))
    assert note.priority == "P1"


@pytest.mark.parametrize(
    "stored",
    [{"stale": "x"}, {"stale": {}}, {"stale": {"since": "never"}}, {"unknown": {}}],
)
def test_a_stored_alarm_that_cannot_be_read_never_was(stored: Any) -> None:
    system = System(alarms={1: stored})
    assert system.round(one(**STALE)) == []
    assert len(system.round(one(**STALE))) == 1


# -- Many behind one --------------------------------------------------------


def test_an_exchange_that_is_out_is_one_alarm_and_one_all_clear() -> None:
    system = System()
    out = [sick(), sick(), sick()]
    assert system.round(*out) == []
    (note,) = system.round(*out)
    assert (note.kind, note.code, note.priority) == ("raised", "exchange:binance", "P0")
    assert note.names == ("s1", "s2", "s3")
    assert note.values == {"name": "binance", "count": 3, "members": 3}
    for number in (1, 2, 3):
        stale = system.alarms[number]["stale"]
        assert (stale["told"], stale["muted_by"]) == (False, "exchange:binance")
        assert system.alarms[number]["exchange:binance"]["told"] is True
    for _ in range(20):
        assert system.round(*out) == []
    fine = [well(), well(), well()]
    assert system.round(*fine) == []
    assert kinds(system.round(*fine)) == [("well", "exchange:binance")]
    assert system.alarms == {1: {}, 2: {}, 3: {}}
    for _ in range(3):
        assert system.round(*fine) == []


def test_those_who_notice_first_are_muted_while_the_alarm_forms() -> None:
    system = System()
    system.round(sick(), well(newest_s=20))
    # The second is stale one round later: now both are, and it may be the exchange.
    assert system.round(sick(), sick()) == []
    assert kinds(system.round(sick(), sick())) == [("raised", "exchange:binance")]


def test_one_of_many_is_its_own_alarm() -> None:
    system = System()
    system.round(sick(), well(), well())
    assert kinds(system.round(sick(), well(), well())) == [("raised", "stale")]


def test_two_of_five_are_no_outage() -> None:
    system = System()
    five = [sick(), sick(), well(), well(), well()]
    system.round(*five)
    assert kinds(system.round(*five)) == [("raised", "stale")] * 2


def test_a_single_bot_whose_log_blames_the_exchange_is_believed() -> None:
    system = System()
    system.round(sick(sign=True))
    assert kinds(system.round(sick(sign=True))) == [("raised", "exchange:binance")]


def test_a_bot_with_long_candles_proves_nothing_yet() -> None:
    system = System()
    # Its newest candle closed before the others fell silent.
    hourly = well(newest_s=1800.0)
    system.round(sick(), sick(), hourly, hourly)
    (note,) = system.round(sick(), sick(), hourly, hourly)
    assert note.code == "exchange:binance"


def test_a_bot_that_is_stale_after_the_outage_is_told_then() -> None:
    system = System()
    out = [sick(), sick()]
    system.round(*out)
    system.round(*out)
    left = Conditions(STALE), Behind(BEHIND_BINANCE, sick=None, newest_s=400.0)
    system.round(well(), left)
    assert kinds(system.round(well(), left)) == [("well", "exchange:binance")]
    assert kinds(system.round(well(), left)) == [("raised", "stale")]


def test_a_dropped_pair_is_told_all_the_same() -> None:
    system = System()
    dropped = sick({**STALE, "pair_dropped": {"pairs": "X"}})
    system.round(dropped, sick())
    found = kinds(system.round(dropped, sick()))
    assert sorted(found) == [("raised", "exchange:binance"), ("raised", "pair_dropped")]


def test_bots_that_are_started_again_and_again_do_not_end_an_outage() -> None:
    system = System()
    system.round(sick(), sick())
    system.round(sick(), sick())
    # Between two starts there is no process, and its log says nothing yet.
    between = sick({"not_started": {}}, sick=None, ailing=True)
    for _ in range(20):
        assert system.round(between, between) == []


def test_while_nothing_can_be_told_an_outage_stays_as_it_is() -> None:
    system = System()
    system.round(sick(), sick())
    system.round(sick(), sick())
    unsure = one("stale")
    for _ in range(10):
        assert system.round(unsure, unsure) == []
    assert system.alarms[1]["exchange:binance"]["told"] is True


def test_a_silent_supervisor_is_one_alarm_and_accuses_nobody_else() -> None:
    system = System(supervised=False)
    system.round(sick({"not_started": {}}), sick({"not_alive": {}}))
    (note,) = system.round(sick({"not_started": {}}), sick({"not_alive": {}}))
    assert (note.code, note.values["count"]) == ("supervisor", 2)
    assert system.alarms[2]["not_alive"]["muted_by"] == "supervisor"
    system.supervised = True
    system.round(well(), well())
    assert kinds(system.round(well(), well())) == [("well", "supervisor")]


def behind_proxy(proxy: str, exchange: str = "binance", **changes: Any) -> Behind:
    groups = {f"proxy:{proxy}": proxy, f"exchange:{exchange}": exchange}
    return Behind(groups=groups, **changes)


SICK: dict[str, Any] = {"sick": True, "ailing": True, "newest_s": 400.0}
FINE: dict[str, Any] = {"sick": False, "newest_s": 20.0}


@pytest.mark.parametrize(
    ("strategies", "out"),
    [
        # Six of ten behind one proxy: most of the exchange, but all of the proxy.
        (
            [behind_proxy("1", **SICK)] * 6 + [behind_proxy("2", **FINE)] * 4,
            ["proxy:1"],
        ),
        # One proxy, two exchanges, one of them is out.
        (
            [behind_proxy("1", **SICK)] * 3 + [behind_proxy("1", "okx", **FINE)] * 2,
            ["exchange:binance"],
        ),
        # All is out, and goes through different proxies.
        (
            [behind_proxy("1", **SICK)] * 2 + [behind_proxy("2", **SICK)] * 2,
            ["exchange:binance"],
        ),
        # Everything goes through one proxy: it is nearer.
        ([behind_proxy("1", **SICK)] * 2, ["proxy:1"]),
        ([behind_proxy("1", **FINE)] * 2, []),
        (
            [behind_proxy("1", **SICK)] * 2 + [behind_proxy("2", "okx", **SICK)] * 2,
            ["proxy:1", "proxy:2"],
        ),
    ],
)
def test_the_narrowest_thing_that_explains_all_is_accused(
    strategies: list[Behind], out: list[str]
) -> None:
    verdicts = groups_judge(strategies, set(), supervised=True)
    assert sorted(code for code, each in verdicts.items() if each.out) == out


# -- From facts to conditions -----------------------------------------------


@pytest.mark.parametrize(
    ("changes", "present", "unknown"),
    [
        ({}, set(), set()),
        (OLD, {"stale"}, {"quiet"}),
        ({**OLD, **STOPPED}, {"not_running"}, {"stale", "quiet"}),
        ({**OLD, **SILENT}, {"no_answer"}, {"stale", "not_running", "pair_dropped"}),
        ({**SILENT, **STARTED}, set(), {"no_answer", "stale", "quiet"}),
        ({**OLD, "answer": Answer.STRANGER}, {"stranger"}, {"stale"}),
        ({**ALL_OLD, "life": Life.DEAD}, {"not_alive"}, {"stale", "no_answer"}),
        (
            {**ALL_OLD, **NONE, "status": "starting"},
            {"not_started"},
            {"not_alive", "stale", "errors"},
        ),
        ({**OLD, "heartbeat_age_s": 100}, set(), {"stale", "quiet"}),
        ({**OLD, "log": LogFacts(strategy_errors=1)}, {"strategy_fails"}, {"stale"}),
        ({"log": LogFacts(errors=2)}, set(), set()),
        ({"log": LogFacts(errors=3)}, {"errors"}, set()),
        ({"signals_24h": 0}, {"quiet"}, set()),
        ({"signals_24h": 0, **STARTED}, set(), {"quiet"}),
        ({"signals_24h": 0, "usual_24h": None}, set(), {"quiet"}),
        ({"dropped": ("ETH/USDT",)}, {"pair_dropped"}, set()),
        ({"cpu_percent": 99.0}, set(), set()),
    ],
)
def test_one_cause_is_one_condition(
    changes: dict[str, Any], present: set[str], unknown: set[str]
) -> None:
    facts = replace(WELL, **changes)
    found = conditions(facts, rate(facts))
    assert found.present.keys() == present
    assert unknown <= found.unknown
    assert not found.unknown & found.present.keys()


def test_the_last_of_many_that_start_one_after_the_other_raises_no_alarm() -> None:
    system = System()
    waiting = one(not_started={"minutes": 1})
    many = [one()] * 99

    for _ in range(19):
        assert system.round(waiting, *many) == []
    assert kinds(system.round(waiting, *many)) == []
    told = [system.round(waiting, *many, seconds=60) for _ in range(4)]
    assert kinds(told[0]) + kinds(told[1]) + kinds(told[2]) + kinds(told[3]) == [
        ("raised", "not_started")
    ]

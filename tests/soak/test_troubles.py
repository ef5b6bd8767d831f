"""Faults in time: what they excuse, and how long they let a process live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.soak import logs, troubles
from tests.soak.agenda import AGAIN_SECONDS, PATIENCE_SECONDS, Agenda
from tests.soak.faults import KINDS, Fault
from tests.soak.report import FAILED, OK
from tests.soak.troubles import LEAD_SECONDS, RECOVERY_SECONDS, Trouble

if TYPE_CHECKING:
    from pathlib import Path

WEB = Trouble("web killed", "", 1000.0, 1000.0)


def test_the_kinds_are_those_of_the_plan() -> None:
    known = {kind.name for kind in KINDS}
    assert known >= troubles.FEED | troubles.DELIVERY | set(troubles.ENDS)


def test_calm_is_what_is_not_near_a_fault_of_the_feed() -> None:
    calm = troubles.feed_is_calm
    assert not calm([WEB], 1000 - LEAD_SECONDS)
    assert not calm([WEB], 1000 + RECOVERY_SECONDS)
    assert calm([WEB], 999 - LEAD_SECONDS)
    assert calm([WEB], 1001 + RECOVERY_SECONDS)
    assert calm([WEB._replace(kind="receiver hangs")], 1000)
    assert (
        troubles.touching([WEB, WEB._replace(kind="beat killed")], troubles.FEED) == 1
    )


def test_a_process_could_be_watched_between_its_ends() -> None:
    found = troubles.watchable(["web", "worker"], [WEB], (0.0, 2000.0), 180.0)
    assert found == {"web": 820.0 + 800.0, "worker": 1820.0}


def test_a_bot_of_its_own_does_not_end_the_shared_ones() -> None:
    names = ["bot Steps", "shared"]
    own = Trouble("bot killed", "Steps", 500.0, 500.0)
    found = troubles.watchable(names, [own], (0.0, 1000.0), 100.0)
    assert found == {"bot Steps": 400.0 + 380.0, "shared": 900.0}
    other = own._replace(target="Demo")
    found = troubles.watchable(names, [other], (0.0, 1000.0), 100.0)
    assert found == {"bot Steps": 900.0, "shared": 400.0}


def planned(kind: str, at: float) -> Fault:
    return Fault(at, kind)


def test_a_fault_that_cannot_be_done_is_tried_again_and_then_skipped() -> None:
    agenda = Agenda([planned("web killed", 10)])
    assert agenda.due(9) is None
    passed = 10.0
    while fault := agenda.due(passed):
        agenda.put_off(fault, passed)
        assert agenda.due(passed + AGAIN_SECONDS / 2) is None
        passed += AGAIN_SECONDS
    assert passed >= 10 + PATIENCE_SECONDS
    found = agenda.check()
    assert found.result == FAILED
    assert "skipped: web killed" in found.told
    assert found.details == ("web killed: planned 1 times and never done",)


def test_a_kind_that_was_done_once_may_be_skipped_later() -> None:
    agenda = Agenda([planned("web killed", 1), planned("web killed", 2)])
    first = agenda.due(5)
    assert first is not None
    agenda.did(first)
    agenda.close()
    found = agenda.check()
    assert found.result == OK
    assert found.told == "1 of 2 were done; skipped: web killed"


def test_a_kind_that_is_left_when_the_time_is_over_was_never_done() -> None:
    agenda = Agenda([planned("web killed", 1)])
    agenda.close()
    assert agenda.check().result == FAILED


@pytest.mark.parametrize(
    "line",
    [
        "ERROR btc_watcher.lib.kept_task: The task 'signals feed' broke.",
        "ERROR signals_app.consumers: A live page broke.",
    ],
)
def test_a_live_feed_that_broke_fails(tmp_path: Path, line: str) -> None:
    assert logs.feed_check(tmp_path).result == FAILED
    log = tmp_path / "web.log"
    log.write_text("WARNING The live feed waits for Redis (ConnectionError).\n")
    assert logs.feed_check(tmp_path).result == OK
    (tmp_path / "web.log.1").write_text(f"{line}\nTraceback ...\n")
    assert logs.feed_check(tmp_path).details == (f"web.log.1: {line}",)


def test_tracebacks_are_counted_by_log(tmp_path: Path) -> None:
    (tmp_path / "beat.log").write_text(f"{logs.TRACEBACK}\n{logs.TRACEBACK}\n")
    (tmp_path / "web.log").write_text("nothing\n")
    assert logs.tracebacks(tmp_path) == {"beat.log": 2}

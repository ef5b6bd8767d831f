"""What a browser received: repeated, missed, and read again."""

from __future__ import annotations

from typing import Any

from tests.soak.frames import Received
from tests.soak.judging import browser_check
from tests.soak.report import FAILED, OK


def signal(cursor: str, identifier: str) -> dict[str, Any]:
    return {"cursor": cursor, "event": {"type": "signal", "signal": {"id": identifier}}}


RELOAD: dict[str, Any] = {"cursor": None, "event": {"type": "reload"}}


def test_frames_in_order_without_a_gap_pass() -> None:
    received = Received("one")
    assert not any(received.take(signal(f"5-{n}", f"s{n}")) for n in range(12))
    assert received.after == "5-11"
    assert browser_check(received, {f"s{n}" for n in range(12)}).result == OK


def test_a_cursor_that_comes_twice_fails() -> None:
    received = Received("one")
    for cursor in ("5-1", "5-2", "5-2"):
        received.take(signal(cursor, "s"))
    found = browser_check(received, {"s"})
    assert found.result == FAILED
    assert "came again: 5-2" in found.details


def test_a_frame_that_goes_back_fails() -> None:
    received = Received("one")
    for cursor in ("5-10", "5-9"):
        received.take(signal(cursor, "s"))
    assert browser_check(received, {"s"}).result == FAILED


def test_a_signal_that_was_never_shown_fails() -> None:
    received = Received("one")
    received.take(signal("5-1", "s"))
    found = browser_check(received, {"s", "lost"})
    assert found.details == ("never shown: lost",)


def test_after_a_reload_the_list_counts() -> None:
    received = Received("one")
    received.take(signal("5-1", "s"))
    assert received.take(RELOAD)
    received.listed(["s", "other"])
    assert browser_check(received, {"s", "other"}).result == OK


def test_a_feed_that_only_says_reload_fails() -> None:
    received = Received("one")
    received.take(signal("5-1", "s0"))
    ids = {f"s{n}" for n in range(100)}
    for _ in range(30):
        received.take(RELOAD)
        received.listed(ids)
    assert browser_check(received, ids, faults=10, calm=["s0"]).result == OK
    told = browser_check(received, ids, faults=2, calm=ids).details
    assert told == (
        "of 100 stored in calm only 1 came as frames",
        "30 lists, at most 8 by 2 faults",
        "30 reloads, at most 8 by 2 faults",
    )


def test_connections_without_a_fault_fail() -> None:
    received = Received("one", connections=3)
    received.take(signal("5-1", "s"))
    assert browser_check(received, {"s"}, faults=1).result == OK
    assert browser_check(received, {"s"}).result == FAILED


def test_a_browser_that_asked_for_compression_in_vain_fails() -> None:
    received = Received("one", deflates=True, uncompressed=1)
    received.take(signal("5-1", "s"))
    assert browser_check(received, {"s"}).result == FAILED


def test_lists_alone_prove_no_stream() -> None:
    received = Received("one")
    received.listed(["s"])
    assert browser_check(received, {"s"}).result == FAILED

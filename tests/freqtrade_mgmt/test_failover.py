"""Which way strategies go, when that changes, and who is told: pure tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from freqtrade_mgmt.failover.moves import (
    MOVE_SECONDS,
    Move,
    move_next,
    only_way_differs,
)
from freqtrade_mgmt.failover.shapes import (
    CHANGES,
    NO_PROXY,
    StoredRoute,
    Way,
    Wish,
    proxy_number,
    route_next,
    route_read,
)

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
WISH = Wish(1, "another")
OWN = Way(1, allowed=True, why="wanted", print="aa")
OTHER = Way(2, allowed=True, why="another", state="unhealthy", print="bb")
DIRECTLY = Way(None, allowed=True, why="direct", state="unhealthy")
NONE = Way(None, allowed=False, why="stopped", state="unhealthy")


def route(way: Way = OWN, wish: Wish = WISH) -> StoredRoute:
    return replace(route_next(None, wish, way, NOW), told=True)


def test_the_way_that_was_asked_for_is_not_news() -> None:
    found = route_next(None, WISH, OWN, NOW)
    assert (found.proxy, found.allowed, found.told) == (1, True, True)
    assert found.since == NOW.isoformat()
    assert found.changes == ()


@pytest.mark.parametrize("way", [OTHER, DIRECTLY, NONE])
def test_beginning_on_another_way_than_was_asked_for_is_told(way: Way) -> None:
    assert not route_next(None, WISH, way, NOW).told


@pytest.mark.parametrize("way", [OTHER, DIRECTLY, NONE])
def test_a_move_is_told_and_recorded(way: Way) -> None:
    found = route_next(route(), WISH, way, LATER)
    assert not found.told
    assert (found.before, found.since) == (1, LATER.isoformat())
    assert found.changes == (
        {"at": LATER.isoformat(), "from": 1, "to": way.proxy, "why": way.why},
    )


@pytest.mark.parametrize("way", [OTHER, DIRECTLY, NONE])
def test_going_back_is_told_too(way: Way) -> None:
    found = route_next(route(way), WISH, OWN, LATER)
    assert (found.proxy, found.why, found.told) == (1, "wanted", False)


def test_what_has_not_changed_stays_the_very_same() -> None:
    before = route(OTHER)
    assert route_next(before, WISH, OTHER, LATER) is before


def test_other_settings_of_the_same_proxy_move_bots_and_are_not_told() -> None:
    before = route()
    found = route_next(before, WISH, replace(OWN, print="cc"), LATER)
    assert found.told
    assert found.mark != before.mark
    assert found.since == before.since


def test_a_proxy_that_is_kept_although_it_is_out_moves_nobody() -> None:
    kept = replace(OWN, why="kept", state="unhealthy")
    found = route_next(route(), WISH, kept, LATER)
    assert found.told
    assert found.mark == route().mark


def test_another_wish_is_somebodys_own_doing() -> None:
    wish = Wish(2, "never")
    way = Way(2, allowed=True, why="wanted", print="bb")
    assert route_next(route(), wish, way, LATER).told


def test_only_the_last_changes_are_kept() -> None:
    found = route()
    for number in range(30):
        way = OTHER if number % 2 == 0 else OWN
        found = route_next(found, WISH, way, NOW + timedelta(minutes=number))
    assert len(found.changes) == CHANGES
    assert found.changes[-1]["to"] == 1


@pytest.mark.parametrize("way", [OWN, OTHER, DIRECTLY, NONE])
def test_a_route_is_read_as_it_was_stored(way: Way) -> None:
    found = route_next(route(), WISH, way, LATER)
    assert route_read(found.stored()) == found


@pytest.mark.parametrize("value", [None, 7, [], {}, {"wanted": 1}, "route"])
def test_a_route_that_cannot_be_read_never_was(value: Any) -> None:
    assert route_read(value) is None


@pytest.mark.parametrize(
    ("config", "wish"),
    [
        ({}, Wish(None, "another")),
        ({"proxy": 3}, Wish(3, "another")),
        ({"proxy": "3", "proxy_policy": "never"}, Wish(3, "never")),
        ({"proxy": 3, "proxy_policy": "nonsense"}, Wish(3, "another")),
        ({"proxy": None}, Wish(None, "another")),
        ({"proxy": ""}, Wish(None, "another")),
        # What nobody can read is a proxy that is gone, and never the direct way.
        ({"proxy": True}, Wish(NO_PROXY, "another")),
        ({"proxy": 1.0}, Wish(NO_PROXY, "another")),
        ({"proxy": "Tokyo", "proxy_policy": "never"}, Wish(NO_PROXY, "never")),
        ({"proxy": []}, Wish(NO_PROXY, "another")),
    ],
)
def test_what_a_strategy_asks_for(config: dict[str, Any], wish: Wish) -> None:
    assert Wish.of(config) == wish


@pytest.mark.parametrize("value", [None, True, "", "x", 1.5])
def test_what_is_no_number_is_no_proxy(value: object) -> None:
    assert proxy_number(value) is None


@pytest.mark.parametrize(
    ("moving", "pending", "settled", "turn"),
    [
        (None, [], [], None),
        (None, [5, 3], [], 3),
        # The one that moves is waited for …
        (Move(3, 0), [5], [], 3),
        (Move(3, 0), [3, 5], [], 3),
        # … until it runs where it should, or is not wanted any more …
        (Move(3, 0), [5], [3], 5),
        (Move(3, 0), [], [3], None),
        # … or has taken too long; then the others go first.
        (Move(3, -MOVE_SECONDS), [5], [], 5),
        (Move(3, -MOVE_SECONDS), [3, 5], [], 5),
        (Move(3, -MOVE_SECONDS), [3], [], 3),
    ],
)
def test_bots_move_one_at_a_time(
    moving: Move | None, pending: list[int], settled: list[int], turn: int | None
) -> None:
    found = move_next(moving, pending, settled, 0)
    assert (found.strategy_id if found else None) == turn


@pytest.mark.parametrize(
    ("wanted", "running", "only"),
    [
        ("v1.0+0+2026.9+1.aa", "v1.0+0+2026.9+2.bb", True),
        ("v1.0+0+2026.9+1.aa", "v1.0+0+2026.9+", True),
        ("v1.0+0+2026.9+1.aa", "v1.0+0+2026.9+1.aa", False),
        ("v1.1+0+2026.9+1.aa", "v1.0+0+2026.9+2.bb", False),
        ("", "v1.0+0+2026.9+2.bb", False),
    ],
)
def test_only_a_change_of_the_way_waits_for_its_turn(
    wanted: str, running: str, only: bool
) -> None:
    assert only_way_differs(wanted, running) is only

"""Decisions as tables of cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications import policy
from notifications.policy import Failure, after_failure, chunks

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("priority", "attempts", "seconds"),
    [
        ("P0", 1, 5),
        ("P0", 2, 15),
        ("P0", 3, 45),
        ("P0", 6, 600),
        ("P1", 1, 15),
        ("P1", 2, 45),
        ("P2", 1, 60),
        ("P2", 3, 540),
        ("P2", 11, 3600),
        ("unheard of", 1, 60),
    ],
)
def test_delays_grow_up_to_their_cap(
    priority: str, attempts: int, seconds: float
) -> None:
    decision = after_failure(
        Failure(), priority=priority, attempts=attempts, now=NOW, chance=0.5
    )
    assert decision.status == "retry"
    assert decision.next_attempt_at == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_delays_are_spread_by_chance(chance: float, factor: float) -> None:
    decision = after_failure(
        Failure(), priority="P1", attempts=1, now=NOW, chance=chance
    )
    assert decision.next_attempt_at == NOW + timedelta(seconds=15 * factor)


@pytest.mark.parametrize("priority", ["P0", "P1", "P2"])
def test_attempts_end_after_six_to_nine_hours(priority: str) -> None:
    retries = policy.RETRIES[priority]
    total = sum(retries.delay(attempt) for attempt in range(1, retries.attempts))
    assert 6 * 3600 <= total <= 9 * 3600
    last = after_failure(
        Failure(), priority=priority, attempts=retries.attempts, now=NOW, chance=0.5
    )
    assert last == policy.Decision("failed")


@pytest.mark.parametrize(
    ("failure", "attempts", "status"),
    [
        (Failure(permanent=True), 1, "failed"),
        (Failure(permanent=True, retry_after=5), 1, "failed"),
        (Failure(limit=1), 1, "failed"),
        (Failure(limit=2), 1, "retry"),
        (Failure(), 44, "retry"),
        (Failure(), 45, "failed"),
    ],
)
def test_what_cannot_get_better_is_not_tried_again(
    failure: Failure, attempts: int, status: str
) -> None:
    decision = after_failure(
        failure, priority="P0", attempts=attempts, now=NOW, chance=0.5
    )
    assert decision.status == status


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        (300.0, 300, 305),
        (1.0, 4, 6),
        (-5.0, 4, 6),
        (float("nan"), 4, 6),
        (float("inf"), 4, 6),
        (1e9, 86400, 86405),
    ],
)
@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_the_provider_is_never_asked_earlier_than_it_wants(
    asked: float, least: float, most: float, chance: float
) -> None:
    decision = after_failure(
        Failure(retry_after=asked), priority="P0", attempts=1, now=NOW, chance=chance
    )
    assert decision.next_attempt_at is not None
    assert least <= (decision.next_attempt_at - NOW).total_seconds() <= most


@given(st.integers(0, 6000), st.sampled_from(["P0", "P1", "P2"]))
def test_chunks_hold_everything_once_and_stay_small(count: int, priority: str) -> None:
    ids = list(range(count))
    parts = chunks(ids, priority)
    assert [each for part in parts for each in part] == ids
    assert all(0 < len(part) <= policy.LARGEST_CHUNK[priority] for part in parts)


@pytest.mark.parametrize(
    ("count", "priority", "tasks"),
    [
        (1, "P0", 1),
        (16, "P0", 16),
        (5000, "P0", 200),
        (5000, "P2", 100),
        (40, "P2", 14),
    ],
)
def test_chunks_spread_over_threads(count: int, priority: str, tasks: int) -> None:
    assert len(chunks(range(count), priority)) == tasks


def test_an_empty_queue_makes_the_sweeper_impatient() -> None:
    for priority in ("P0", "P1", "P2"):
        assert policy.sweep_patience(priority, 0) < policy.sweep_patience(priority, 1)
    assert policy.sweep_patience("P0", 9) < policy.sweep_patience("P2", 9)


def test_a_lease_outlives_every_send() -> None:
    assert policy.LEASE.total_seconds() >= 2 * policy.SEND_SECONDS

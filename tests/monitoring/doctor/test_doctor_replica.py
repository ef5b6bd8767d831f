"""What the doctor says of a replica, and of Redis beyond one server."""

from __future__ import annotations

import pytest

from btc_watcher.lib.replica_probe import Reason, Standing
from monitoring.doctor.cache import SentinelSeen
from monitoring.doctor.redis_service import sentinels_finding
from monitoring.doctor.replica import standing_finding
from monitoring.doctor.shapes import State

WELL = SentinelSeen("one:26379", "10.0.0.1:6379", replicas=1, sentinels=3, quorum=2)


@pytest.mark.parametrize(
    ("standing", "state", "words"),
    [
        (None, State.OK, "There is none"),
        (Standing(Reason.NEAR, 0.25), State.OK, "it is 0.2 s behind at most"),
        (Standing(Reason.BEHIND, 61.0), State.WARNING, "by 61.0 s, more than 5 s"),
        (Standing(Reason.BEHIND), State.WARNING, "by -, more than 5 s"),
        (Standing(Reason.AWAY), State.WARNING, "does not answer"),
        (Standing(Reason.PROMOTED), State.FAILED, "no longer a replica"),
        (Standing(Reason.STRANGER), State.FAILED, "another database"),
    ],
)
def test_every_standing_of_a_replica_has_its_words(
    standing: Standing | None, state: State, words: str
) -> None:
    finding = standing_finding(standing, 5.0)
    assert finding.state is state
    assert words in finding.words
    assert bool(finding.cure) is (state is not State.OK)


@pytest.mark.parametrize(
    ("seen", "state", "words"),
    [
        ([], State.OK, "one server"),
        ([WELL, WELL, WELL], State.OK, "3 sentinels name the master 10.0.0.1:6379"),
        (
            [WELL, SentinelSeen("two:26379", "10.0.0.2:6379", 1, 3, 2)],
            State.FAILED,
            "10.0.0.1:6379, 10.0.0.2:6379",
        ),
        ([SentinelSeen("two:26379", error="TimeoutError")], State.FAILED, "two:26379"),
        ([SentinelSeen("two:26379")], State.FAILED, "name no master"),
        (
            [WELL, SentinelSeen("two:26379", error="TimeoutError")],
            State.WARNING,
            "two:26379 (TimeoutError)",
        ),
        (
            [SentinelSeen("one:26379", "10.0.0.1:6379", 0, 3, 2)],
            State.WARNING,
            "no replica",
        ),
        (
            [SentinelSeen("one:26379", "10.0.0.1:6379", 1, 1, 1)],
            State.WARNING,
            "Fewer than three",
        ),
    ],
)
def test_every_trouble_of_sentinels_has_its_words(
    seen: list[SentinelSeen], state: State, words: str
) -> None:
    finding = sentinels_finding(seen)
    assert finding.state is state
    assert words in finding.words
    assert bool(finding.cure) is (state is not State.OK)

"""Health, order and way: tables of cases."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from btc_watcher.lib.errors import ConfigurationError
from proxies.ranking import (
    HEALTHY,
    UNHEALTHY,
    UNKNOWN,
    Choice,
    Policy,
    choose,
    faults,
    figures,
    follow_up,
    percentile,
    policy_read,
    ranked,
    verdict,
)
from proxies.rules import HealthRules, rules_read
from tests.proxies.fakes import NOW

RULES = HealthRules()
LONG_AGO = NOW - timedelta(days=1)


def results(text: str) -> list[bool]:
    """Return results, newest first, of a text that reads from the oldest on."""
    return [sign == "+" for sign in reversed(text)]


def scattered(failures: int) -> str:
    """Return a hundred results with failures that never follow each other."""
    return "-+" * failures + "+" * (100 - 2 * failures)


@pytest.mark.parametrize(
    ("before", "history", "after"),
    [
        (UNKNOWN, "", UNKNOWN),
        (UNKNOWN, "+", UNKNOWN),
        (UNKNOWN, "++", UNKNOWN),
        (UNKNOWN, "+++", HEALTHY),
        (UNKNOWN, "--", UNKNOWN),
        (UNKNOWN, "---", UNHEALTHY),
        (UNKNOWN, "-+-+-+", UNKNOWN),
        (UNKNOWN, "--+++", HEALTHY),
        (HEALTHY, "+++-", HEALTHY),
        (HEALTHY, "+++--", HEALTHY),
        (HEALTHY, "+++---", UNHEALTHY),
        (HEALTHY, "+++--+--", HEALTHY),
        # Over 90 % of the last hundred: 91 are, 90 are not.
        (HEALTHY, scattered(9), HEALTHY),
        (HEALTHY, scattered(10), UNHEALTHY),
        (HEALTHY, "-+" * 10 + "+" * 100, HEALTHY),
        (UNHEALTHY, scattered(10), UNHEALTHY),
        (UNHEALTHY, scattered(9), HEALTHY),
        # Before a hundred have been made, ten failures are as many as of a hundred.
        (HEALTHY, "-+" * 9, HEALTHY),
        (HEALTHY, "-+" * 10, UNHEALTHY),
        (UNHEALTHY, "---+", UNHEALTHY),
        (UNHEALTHY, "---++", UNHEALTHY),
        (UNHEALTHY, "---+++", HEALTHY),
        # A long outage is one fault.
        (UNHEALTHY, "-" * 60 + "+++", HEALTHY),
        (UNHEALTHY, "---+++" * 4, UNHEALTHY),
        (UNHEALTHY, "---+++" * 3, HEALTHY),
    ],
)
def test_how_a_proxy_is_by_its_results(before: str, history: str, after: str) -> None:
    assert verdict(before, LONG_AGO, results(history), RULES, NOW) == after


@pytest.mark.parametrize(
    ("seconds", "after"), [(0, UNHEALTHY), (299, UNHEALTHY), (300, HEALTHY)]
)
def test_a_proxy_is_held_down_before_it_is_healthy_again(
    seconds: int, after: str
) -> None:
    since = NOW - timedelta(seconds=seconds)
    assert verdict(UNHEALTHY, since, results("---+++++"), RULES, NOW) == after


def test_the_hold_down_is_not_for_what_was_never_known() -> None:
    assert verdict(UNKNOWN, NOW, results("+++"), RULES, NOW) == HEALTHY


def test_the_numbers_of_a_proxy_are_its_own() -> None:
    rules = HealthRules(
        window=10, healthy_percent=50, failures_to_flip=2, successes_to_flip=1
    )
    assert verdict(HEALTHY, LONG_AGO, results("+--"), rules, NOW) == UNHEALTHY
    assert verdict(HEALTHY, LONG_AGO, results("-+-+-+-+++"), rules, NOW) == HEALTHY
    assert verdict(HEALTHY, LONG_AGO, results("-+-+-+-+-+"), rules, NOW) == UNHEALTHY
    assert verdict(UNKNOWN, LONG_AGO, results("+"), rules, NOW) == HEALTHY


def test_flapping_does_not_flip_with_every_result() -> None:
    status, flips, text = HEALTHY, 0, ""
    for sign in "+-" * 9:
        text += sign
        after = verdict(status, LONG_AGO, results(text), RULES, NOW)
        flips += after != status
        status = after
    assert (status, flips) == (HEALTHY, 0)


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("+", 0), ("-+-", 2), ("----+-", 4), ("--------", 3)]
)
def test_a_run_of_failures_counts_once_for_all(text: str, count: int) -> None:
    assert faults(results(text), 3) == count


@pytest.mark.parametrize(
    ("status", "text", "since", "seconds"),
    [
        (UNKNOWN, "", LONG_AGO, 20),
        (UNKNOWN, "+", LONG_AGO, 20),
        (HEALTHY, "+++", LONG_AGO, None),
        (HEALTHY, "+++-", LONG_AGO, 20),
        (UNHEALTHY, "---", LONG_AGO, None),
        (UNHEALTHY, "---+", LONG_AGO, 20),
        (UNHEALTHY, "---+", NOW - timedelta(seconds=100), 200),
    ],
)
def test_a_doubt_is_looked_into_soon(
    status: str, text: str, since: Any, seconds: float | None
) -> None:
    assert follow_up(status, since, results(text), RULES, NOW) == seconds


def test_the_figures_are_of_successes_only() -> None:
    found = figures([(True, 100), (False, 5000), (True, 300), (True, 200)])
    assert (found.tests, found.success_rate) == (4, 75.0)
    assert (found.p50_ms, found.p95_ms) == (200, 300)
    nothing = figures([])
    assert (nothing.tests, nothing.success_rate, nothing.p50_ms) == (0, None, None)
    assert percentile(range(1, 101), 95) == 95


@dataclass
class Row:
    """As much of a proxy as ranking looks at."""

    pk: int
    status: str = HEALTHY
    priority: int = 1
    enabled: bool = True
    performance_metrics: dict[str, Any] = field(default_factory=dict)


def test_health_comes_before_priority_and_priority_before_latency() -> None:
    rows = [
        Row(1, UNHEALTHY, 1),
        Row(2, HEALTHY, 2, performance_metrics={"p50_ms": 50}),
        Row(3, UNKNOWN, 1),
        Row(4, HEALTHY, 1),
        Row(5, HEALTHY, 1, performance_metrics={"p50_ms": 90}),
        Row(6, HEALTHY, 1, performance_metrics={"p50_ms": 20}),
        Row(7, HEALTHY, 1, enabled=False),
    ]
    assert [row.pk for row in ranked(rows)] == [6, 5, 4, 2, 3, 1]


FLEET = {
    1: Row(1),
    2: Row(2, UNKNOWN),
    3: Row(3, UNHEALTHY),
    4: Row(4, enabled=False),
    5: Row(5, priority=2),
}
SICK = {3: Row(3, UNHEALTHY), 4: Row(4, enabled=False), 2: Row(2, UNKNOWN)}
UP, DOWN = True, False


@pytest.mark.parametrize(
    ("wanted", "policy", "fleet", "choice"),
    [
        (None, "another", FLEET, Choice(None, UP, "unwanted")),
        (1, "another", FLEET, Choice(1, UP, "wanted")),
        (1, "never", FLEET, Choice(1, UP, "wanted")),
        (2, "direct", FLEET, Choice(2, UP, "wanted")),
        (3, "another", FLEET, Choice(1, UP, "another", UNHEALTHY)),
        (4, "another", FLEET, Choice(1, UP, "another", "disabled")),
        (9, "another", FLEET, Choice(1, UP, "another", "gone")),
        (3, "another", SICK, Choice(3, UP, "kept", UNHEALTHY)),
        (4, "another", SICK, Choice(None, DOWN, "nothing", "disabled")),
        (9, "another", SICK, Choice(None, DOWN, "nothing", "gone")),
        (3, "direct", FLEET, Choice(None, UP, "direct", UNHEALTHY)),
        (4, "direct", FLEET, Choice(None, UP, "direct", "disabled")),
        (9, "direct", FLEET, Choice(None, UP, "direct", "gone")),
        (3, "never", FLEET, Choice(None, DOWN, "stopped", UNHEALTHY)),
        (4, "never", FLEET, Choice(None, DOWN, "stopped", "disabled")),
        (9, "never", FLEET, Choice(None, DOWN, "stopped", "gone")),
    ],
)
def test_the_way_of_somebody_by_the_policy(
    wanted: int | None, policy: Policy, fleet: dict[int, Row], choice: Choice
) -> None:
    assert choose(wanted, policy, fleet) == choice


def test_nobody_goes_direct_unless_asked_to() -> None:
    for wanted in (1, 2, 3, 4, 9):
        for fleet in (FLEET, SICK, {}):
            for policy in ("another", "never"):
                choice = choose(wanted, policy_read(policy), fleet)
                assert not choice.allowed or choice.id is not None


@pytest.mark.parametrize(
    ("stored", "policy"),
    [("never", "never"), ("direct", "direct"), (None, "another"), ("x", "another")],
)
def test_a_policy_that_is_none_is_the_usual_one(stored: object, policy: str) -> None:
    assert policy_read(stored) == policy


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"window": 0}, "'window' is 0; use a number from 1 to 1000."),
        ({"window": 1.5}, "'window' is 1.5"),
        ({"failures_to_flip": True}, "'failures_to_flip' is True"),
        ({"timeout_seconds": "10"}, "'timeout_seconds' is '10'"),
        ({"healthy_percent": 100}, "'healthy_percent' is 100"),
        ({"expected_status": []}, "'expected_status' is []"),
        ({"expected_status": [200, "204"]}, "'expected_status'"),
        ({"interval": 5}, "no key 'interval'"),
        ([], "use an object"),
    ],
)
def test_a_health_check_that_cannot_be_is_refused(config: Any, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        rules_read(config)
    assert told in caught.value.message


def test_a_health_check_says_only_what_differs() -> None:
    assert rules_read({}) == RULES
    rules = rules_read({"timeout_seconds": 2.5, "expected_status": [200, 204]})
    assert (rules.timeout_seconds, rules.expected_status) == (2.5, (200, 204))
    assert rules.window == 100


def test_whoever_goes_through_another_proxy_stays_there_among_equals() -> None:
    fast = {"p50_ms": 10}
    fleet = {
        1: Row(1, UNHEALTHY),
        2: Row(2, priority=2, performance_metrics=fast),
        3: Row(3, priority=2),
        4: Row(4, UNKNOWN, priority=2),
        5: Row(5, priority=3, performance_metrics=fast),
    }
    for current, chosen in ((None, 2), (2, 2), (3, 3), (4, 2), (5, 2), (1, 2), (9, 2)):
        choice = choose(1, "another", fleet, current=current)
        assert (choice.id, choice.why) == (chosen, "another")
    assert choose(3, "another", fleet, current=2).why == "wanted"


def test_a_clock_that_was_set_back_holds_nobody_down() -> None:
    ahead = NOW + timedelta(days=400)
    assert verdict(UNHEALTHY, ahead, results("---+++"), RULES, NOW) == HEALTHY
    assert follow_up(UNHEALTHY, ahead, results("---+"), RULES, NOW) == 20

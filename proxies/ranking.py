"""Which proxy is well, which is best, and which way somebody takes. Pure.

A long outage is one fault, not hundreds: in the share of failures a run of them counts
as ``failures_to_flip`` at most. Otherwise the many tries while a proxy is away would
keep it unhealthy for most of a day after its return.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from proxies.rules import HealthRules

Policy = Literal["another", "direct", "never"]
POLICIES: Final[tuple[Policy, ...]] = ("another", "direct", "never")
DEFAULT_POLICY: Final[Policy] = "another"

HEALTHY: Final = "healthy"
UNHEALTHY: Final = "unhealthy"
UNKNOWN: Final = "unknown"
ORDER: Final = (HEALTHY, UNKNOWN, UNHEALTHY)
# While it is not decided how a proxy is, its tests follow each other so soon.
FOLLOW_SECONDS: Final = 20


class Ranked(Protocol):
    """What ranking wants to know of a proxy."""

    @property
    def pk(self) -> Any: ...
    @property
    def enabled(self) -> Any: ...
    @property
    def status(self) -> Any: ...
    @property
    def priority(self) -> Any: ...
    @property
    def performance_metrics(self) -> Any: ...


Some = TypeVar("Some", bound=Ranked)


def verdict(
    status: str,
    since: datetime,
    results: Sequence[bool],
    rules: HealthRules,
    now: datetime,
) -> str:
    """Return how a proxy is, by its results (newest first), of which it was ``status``.

    It stays as it is, unknown included, until there is reason enough to change that.
    """
    if is_failing(results, rules):
        return UNHEALTHY
    if status == HEALTHY:
        return HEALTHY
    if run_length(results, success=True) < rules.successes_to_flip:
        return status
    if status == UNHEALTHY and hold_left(since, rules, now) > 0:
        return status
    return HEALTHY


def is_failing(results: Sequence[bool], rules: HealthRules) -> bool:
    """Tell whether results (newest first) are those of an unhealthy proxy.

    Tests that have not been made yet count as successes, so that the first failure of
    a new proxy is not 100 % of them.
    """
    if run_length(results, success=False) >= rules.failures_to_flip:
        return True
    lost = faults(results[: rules.window], rules.failures_to_flip)
    return (rules.window - lost) * 100 <= rules.healthy_percent * rules.window


def faults(results: Iterable[bool], most: int) -> int:
    """Return the failures, of which those of one run count as ``most`` at most."""
    return sum(
        min(len(list(run)), most) for success, run in groupby(results) if not success
    )


def run_length(results: Sequence[bool], *, success: bool) -> int:
    """Return how many of the newest results are all alike ``success``."""
    for position, each in enumerate(results):
        if each is not success:
            return position
    return len(results)


def follow_up(
    status: str,
    since: datetime,
    results: Sequence[bool],
    rules: HealthRules,
    now: datetime,
) -> float | None:
    """Return in how many seconds to test again to be sure; None when it is clear.

    A healthy proxy that has just failed, one that has just come back, and one of which
    nothing is known yet should not wait for the next regular test.
    """
    if status == HEALTHY:
        return FOLLOW_SECONDS if results and not results[0] else None
    if status == UNHEALTHY:
        if not results or not results[0]:
            return None
        return max(FOLLOW_SECONDS, hold_left(since, rules, now))
    return FOLLOW_SECONDS


def hold_left(since: datetime, rules: HealthRules, now: datetime) -> float:
    """Return for how many seconds a proxy that is unhealthy ``since`` must stay so.

    A clock that was set back since then holds nobody down.
    """
    if since > now:
        return 0
    end = since + timedelta(seconds=rules.hold_down_seconds)
    return max(0, (end - now).total_seconds())


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the tests that are looked at: share of successes in %, latencies in ms."""

    tests: int
    success_rate: float | None
    p50_ms: int | None
    p95_ms: int | None


def figures(results: Sequence[tuple[bool, int | None]]) -> Figures:
    """Return the figures of results, each with its latency in ms."""
    latencies = sorted(ms for success, ms in results if success and ms is not None)
    good = sum(success for success, _ms in results)
    return Figures(
        tests=len(results),
        success_rate=round(100 * good / len(results), 1) if results else None,
        p50_ms=percentile(latencies, 50),
        p95_ms=percentile(latencies, 95),
    )


def percentile(ordered: Sequence[int], percent: float) -> int | None:
    """Return the smallest value that ``percent`` of the values do not exceed."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def ranked(proxies: Iterable[Some]) -> list[Some]:
    """Return those that are switched on: by health, priority (1 first), latency."""
    return sorted((each for each in proxies if each.enabled), key=_rank)


def _rank(proxy: Ranked) -> tuple[int, int, float, int]:
    latency = (proxy.performance_metrics or {}).get("p50_ms")
    return (
        ORDER.index(proxy.status),
        proxy.priority,
        math.inf if latency is None else latency,
        proxy.pk,
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """The way to take: through the proxy ``id``, or directly; or none is ``allowed``.

    ``why``: unwanted (no proxy is asked for), wanted, another, kept (it is unhealthy
    and no other is healthy), direct (the policy says so), stopped (the policy forbids
    any other way), nothing (there is no other proxy). ``state`` of the wanted one
    where it is not taken as it is: unhealthy, disabled, gone.
    """

    id: int | None
    allowed: bool
    why: str
    state: str = ""


def choose(
    wanted: int | None,
    policy: Policy,
    proxies: Mapping[int, Ranked],
    *,
    current: int | None = None,
) -> Choice:
    """Return the way of somebody who wants the proxy ``wanted``.

    Going directly is an answer only for whom no proxy was asked, or where the policy
    says so. Of other proxies of one priority ``current`` is kept while it is healthy:
    their latencies change with every test.
    """
    if wanted is None:
        return Choice(None, allowed=True, why="unwanted")
    state = _state(proxies.get(wanted))
    if not state:
        return Choice(wanted, allowed=True, why="wanted")
    if policy == "another":
        return _another(wanted, state, proxies, current)
    if policy == "direct":
        return Choice(None, allowed=True, why="direct", state=state)
    return Choice(None, allowed=False, why="stopped", state=state)


def _another(
    wanted: int, state: str, proxies: Mapping[int, Ranked], current: int | None
) -> Choice:
    healthy = [each for each in ranked(proxies.values()) if each.status == HEALTHY]
    if healthy:
        # Of equals the first one stays the first.
        best = min(healthy, key=lambda each: (each.priority, each.pk != current))
        return Choice(best.pk, allowed=True, why="another", state=state)
    if state == UNHEALTHY:
        # A proxy that failed its tests is better than an address that nobody asked for.
        return Choice(wanted, allowed=True, why="kept", state=state)
    return Choice(None, allowed=False, why="nothing", state=state)


def _state(proxy: Ranked | None) -> str:
    if proxy is None:
        return "gone"
    if not proxy.enabled:
        return "disabled"
    return UNHEALTHY if proxy.status == UNHEALTHY else ""


def policy_read(value: object) -> Policy:
    """Return the policy that is stored, or the default one where it is none of them."""
    for policy in POLICIES:
        if value == policy:
            return policy
    return DEFAULT_POLICY

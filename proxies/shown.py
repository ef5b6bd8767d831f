"""A proxy and its tests as the pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from proxies.advice import failure_advice, failure_sentence
from proxies.cache import lives_get
from proxies.listing import OFF, state_of
from proxies.ranking import HEALTHY, UNKNOWN, percentile
from proxies.selectors import proxies_listed, rules_of
from proxies.words import change_words, failure_words, why_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from proxies.models import Proxy, ProxyTest
    from proxies.selectors import ListedProxy, Metrics
    from proxies.uses import ProxyUse

STATE_LABELS: Final = {
    HEALTHY: gettext_lazy("healthy"),
    "unhealthy": gettext_lazy("unhealthy"),
    UNKNOWN: gettext_lazy("not proven yet"),
    OFF: gettext_lazy("off"),
}
PENDING: Final = ("waiting", "running")
# Longer than a worker takes to notice; then the page says that nobody seems to work.
PATIENCE: Final = timedelta(seconds=15)
# A test that began so long ago has been lost with its worker.
LOST: Final = timedelta(seconds=90)
BAR, HEIGHT = 3, 26
# A slow test must not make all the others look alike.
TALLEST: Final = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """One test in the sparkline: its place and height in the drawing's units."""

    x: int
    y: float
    height: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Spark:
    """The last tests as bars, the newest at the right end, and the same in words."""

    bars: list[Bar]
    words: str


@dataclass(frozen=True, slots=True)
class Live:
    """How far a test has come that somebody waits for.

    ``state`` is waiting, running, done, failed or empty; ``slow`` when no worker has
    taken it for a while.
    """

    state: str
    at: datetime | None
    slow: bool
    success: bool
    message: str
    result: str

    @property
    def pending(self) -> bool:
        """Whether there is something to wait for."""
        return self.state in PENDING


@dataclass(frozen=True, slots=True)
class Row:
    """A proxy as a row of the list, or as the head of its own page."""

    proxy: Proxy
    metrics: Metrics
    address: str
    state: str
    label: str
    # What a proxy that is not proven waits for.
    progress: str
    spark: Spark
    last_ms: int | None
    last_failure: str
    advice: str
    named: list[ProxyUse]
    borrowed: list[ProxyUse]
    live: Live


def rows_shown(proxies: Iterable[Proxy] | None = None) -> list[Row]:
    """Return the rows of proxies, in their order."""
    now = timezone.now()
    rows = proxies_listed(now=now, proxies=proxies)
    lives = lives_get([listed.proxy.pk for listed in rows])
    return [_row(listed, lives.get(listed.proxy.pk, {}), now) for listed in rows]


def row_shown(proxy: Proxy) -> Row:
    """Return one proxy."""
    return rows_shown([proxy])[0]


def address_masked(proxy: Proxy) -> str:
    """Return ``host:port`` with a mark in place of a login."""
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    login = "••••@" if proxy.username or proxy.password_encrypted else ""
    return f"{login}{host}:{proxy.port}"


def spark_of(results: Sequence[int | None]) -> Spark:
    """Return the drawing of latencies (None: failed), oldest first."""
    good = sorted(ms for ms in results if ms is not None)
    middle = percentile(good, 50) or 1
    top = min(max(good, default=1), TALLEST * middle) or 1
    bars = []
    for place, ms in enumerate(results):
        share = 1.0 if ms is None else max(0.12, min(1, ms / top))
        height = round(share * HEIGHT, 1)
        bars.append(Bar(place * BAR, round(HEIGHT - height, 1), height, ms is None))
    words = _("%(count)d tests, %(failed)d failed") % {
        "count": len(results),
        "failed": sum(ms is None for ms in results),
    }
    if good:
        words += _("; %(least)d to %(most)d ms") % {"least": good[0], "most": good[-1]}
    return Spark(bars, words)


def live_shown(proxy: Proxy, found: Mapping[str, Any], now: datetime) -> Live:
    """Return how far a test of a proxy has come, from what was noted of it."""
    state = str(found.get("state", ""))
    at = parse_datetime(str(found.get("at", "")))
    age = now - at if at else timedelta()
    if state in PENDING and age > LOST + timedelta(
        seconds=rules_of(proxy).timeout_seconds
    ):
        state = ""
    failure, message = str(found.get("failure", "")), str(found.get("message", ""))
    return Live(
        state=state,
        at=at,
        slow=state == "waiting" and age > PATIENCE,
        success=bool(found.get("success")),
        message=failure_sentence(failure, message),
        result=_result(found, failure),
    )


def tests_shown(tests: Iterable[ProxyTest]) -> list[dict[str, Any]]:
    """Return tests as rows of a table."""
    return [_test(test) for test in tests]


def _test(test: ProxyTest) -> dict[str, Any]:
    details: Mapping[str, Any] = test.test_details
    failure = str(details.get("failure") or "")
    return {
        "at": test.test_time,
        "success": test.success,
        "latency_ms": test.latency_ms,
        "failure": failure_words(failure) if failure else "",
        "message": failure_sentence(failure, test.error_message or ""),
        "advice": failure_advice(failure),
        "status": details.get("status"),
        "exit_address": details.get("exit_address") or "",
        "target": details.get("target") or "",
        "why": why_words(str(details.get("why") or "")),
    }


def changes_shown(metrics: Metrics) -> list[dict[str, Any]]:
    """Return the changes of the state, newest first, in words."""
    return [
        {
            "at": change.get("at"),
            "before": STATE_LABELS.get(str(change.get("from")), change.get("from")),
            "to": change.get("to"),
            "label": STATE_LABELS.get(str(change.get("to")), change.get("to")),
            "why": change_words(str(change.get("why", ""))),
        }
        for change in metrics.changes
    ]


def _row(listed: ListedProxy, live: Mapping[str, Any], now: datetime) -> Row:
    proxy, metrics = listed.proxy, listed.metrics
    state = state_of(proxy)
    failing = metrics.streak < 0
    return Row(
        proxy=proxy,
        metrics=metrics,
        address=address_masked(proxy),
        state=state,
        label=str(STATE_LABELS.get(state, state)),
        progress=_progress(proxy, metrics),
        spark=spark_of(listed.spark),
        last_ms=listed.spark[-1] if listed.spark else None,
        last_failure=failure_words(metrics.last_failure) if failing else "",
        advice=failure_advice(metrics.last_failure) if failing else "",
        named=[use for use in listed.users if not use.via],
        borrowed=[use for use in listed.users if use.via],
        live=live_shown(proxy, live, now),
    )


def _progress(proxy: Proxy, metrics: Metrics) -> str:
    if not proxy.enabled or proxy.status == HEALTHY:
        return ""
    if proxy.status == UNKNOWN and proxy.last_test_time is None:
        return _("not tested yet")
    wanted = rules_of(proxy).successes_to_flip
    # More than that many while its time of being unhealthy is not over yet.
    return _("%(done)d of %(wanted)d successes in a row") % {
        "done": min(max(0, metrics.streak), wanted),
        "wanted": wanted,
    }


def _result(found: Mapping[str, Any], failure: str) -> str:
    if failure:
        return failure_words(failure)
    latency = found.get("latency_ms")
    return _("%(latency)s ms") % {"latency": latency} if latency is not None else ""

"""What a test changes on the row of a proxy. The caller holds the row's lock."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from django.utils.dateparse import parse_datetime

from proxies.models import Proxy
from proxies.ranking import figures, follow_up, run_length, verdict
from proxies.selectors import LOOK_BACK, proxy_results, rules_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from proxies.models import ProxyTest
    from proxies.rules import HealthRules

logger = logging.getLogger(__name__)

CHANGES_KEPT: Final = 20


def apply_test(proxy: Proxy, test: ProxyTest, now: datetime) -> None:
    """Bring figures and status of a locked proxy up to date after ``test`` was stored.

    A test that began before the proxy was changed says nothing of it, unless that lies
    ahead: then the clock was set back, and what counts begins with this test.
    """
    begin = counted_from(proxy)
    if begin and begin > now:
        proxy.performance_metrics["counted_from"] = test.test_time.isoformat()
    elif begin and test.test_time < begin:
        return
    rules = rules_of(proxy)
    newest = results_counted(proxy, rules, now)
    results = [success for success, _ms in newest]
    status = verdict(proxy.status, status_since(proxy), results, rules, now)
    proxy.performance_metrics = _metrics(proxy, test, newest, rules)
    if status != proxy.status:
        why = _why(proxy.status, status, test, results, rules)
        proxy.performance_metrics["since"] = now.isoformat()
        status_change(proxy, status, why, now)
    before = proxy.last_test_time
    if before is None or not test.test_time < before <= now:
        proxy.last_test_time = test.test_time
    proxy.save(
        update_fields=["performance_metrics", "status", "last_test_time", "updated_at"]
    )


def follow_up_seconds(proxy: Proxy, now: datetime) -> float | None:
    """Return in how many seconds another test is wanted to be sure; None when it is."""
    rules = rules_of(proxy)
    results = [success for success, _ms in results_counted(proxy, rules, now)]
    return follow_up(proxy.status, status_since(proxy), results, rules, now)


def status_change(proxy: Proxy, status: str, why: str, now: datetime) -> None:
    """Set the status and record the change, the newest last; nothing if it is that."""
    if proxy.status == status:
        return
    change = {"at": now.isoformat(), "from": proxy.status, "to": status, "why": why}
    changes = [*(proxy.performance_metrics.get("changes") or []), change]
    proxy.performance_metrics["changes"] = changes[-CHANGES_KEPT:]
    level = logging.WARNING if status == Proxy.Status.UNHEALTHY else logging.INFO
    logger.log(
        level, "Proxy %r was %s and is %s: %s.", proxy.name, proxy.status, status, why
    )
    proxy.status = status


def results_counted(
    proxy: Proxy, rules: HealthRules, now: datetime
) -> list[tuple[bool, int | None]]:
    """Return success and latency of the tests that count, newest first."""
    since = now - LOOK_BACK
    if begin := counted_from(proxy):
        since = max(since, begin)
    return proxy_results(proxy.pk, since=since, until=now, limit=rules.tests_read)


def counted_from(proxy: Proxy) -> datetime | None:
    """Return since when tests are about the proxy as it is."""
    return _moment(proxy.performance_metrics.get("counted_from"))


def status_since(proxy: Proxy) -> datetime:
    """Return since when the proxy has its status."""
    return _moment(proxy.performance_metrics.get("since")) or proxy.created_at


def _metrics(
    proxy: Proxy,
    test: ProxyTest,
    newest: Sequence[tuple[bool, int | None]],
    rules: HealthRules,
) -> dict[str, Any]:
    found = figures(newest[: rules.window])
    metrics: dict[str, Any] = proxy.performance_metrics | {
        "tests": found.tests,
        "success_rate": found.success_rate,
        "p50_ms": found.p50_ms,
        "p95_ms": found.p95_ms,
        "streak": _streak(proxy, [success for success, _ms in newest], rules),
    }
    if test.success:
        metrics["exit_address"] = test.test_details.get("exit_address") or ""
    else:
        metrics["last_failure"] = test.test_details["failure"]
    metrics.setdefault("since", proxy.created_at.isoformat())
    return metrics


def _streak(proxy: Proxy, results: Sequence[bool], rules: HealthRules) -> int:
    if not results:
        return 0
    length = run_length(results, success=results[0])
    sign = 1 if results[0] else -1
    before = proxy.performance_metrics.get("streak") or 0
    if length >= rules.tests_read and before * sign > 0:
        # Longer than what was read.
        length = max(length, abs(before) + 1)
    return sign * length


def _why(
    before: str,
    status: str,
    test: ProxyTest,
    results: Sequence[bool],
    rules: HealthRules,
) -> str:
    """Return a class of failure, rate, recovered or proven."""
    if status == Proxy.Status.HEALTHY:
        return "recovered" if before == Proxy.Status.UNHEALTHY else "proven"
    if run_length(results, success=False) >= rules.failures_to_flip:
        return str(test.test_details.get("failure") or "rate")
    return "rate"


def _moment(value: object) -> datetime | None:
    return parse_datetime(value) if isinstance(value, str) else None

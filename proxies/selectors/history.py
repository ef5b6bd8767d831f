"""Tests of proxies as pages show them. Every query is bounded by ``test_time``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db.models import Count, Q
from django.db.models.fields.json import KeyTextTransform

from btc_watcher.lib import replica
from btc_watcher.lib.statements import rows_of
from proxies.models import ProxyTest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

SPARK_LENGTH: Final = 50
# A test is hourly at least, so what is older is not among the last hundred.
LOOK_BACK: Final = timedelta(days=31)
SPARKS: Final = """
SELECT wanted.id, test.success, test.latency_ms
FROM unnest(%(ids)s::integer[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT success, latency_ms, test_time, id
    FROM proxy_test_history
    WHERE proxy_id = wanted.id AND test_time >= %(since)s
    ORDER BY test_time DESC, id DESC
    LIMIT %(length)s
) AS test
ORDER BY wanted.id, test.test_time, test.id
"""
BUCKETS: Final = """
SELECT date_bin(%(width)s, test_time, %(since)s) AS bucket,
       count(*),
       count(*) FILTER (WHERE NOT success),
       percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_ms)
           FILTER (WHERE success),
       percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_ms)
           FILTER (WHERE success)
FROM proxy_test_history
WHERE proxy_id = %(id)s AND test_time >= %(since)s AND test_time < %(until)s
GROUP BY bucket
ORDER BY bucket
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The tests of one span of time, which begins at ``at``; latencies in ms."""

    at: datetime
    tests: int
    failures: int
    p50_ms: int | None
    p95_ms: int | None


def proxy_sparks(
    proxy_ids: Collection[int], *, now: datetime
) -> dict[int, list[int | None]]:
    """Return the latencies of the last tests of each proxy, oldest first, in ms.

    None stands for a test that failed. One query for all of them.
    """
    sparks: dict[int, list[int | None]] = {number: [] for number in proxy_ids}
    parameters = {
        "ids": list(proxy_ids),
        "since": now - LOOK_BACK,
        "length": SPARK_LENGTH,
    }
    for number, success, latency in rows_of(SPARKS, parameters):
        sparks[number].append(latency if success else None)
    return sparks


def proxy_history(
    proxy_id: int, *, since: datetime, until: datetime, buckets: int = 200
) -> list[Bucket]:
    """Return the tests from ``since`` to before ``until`` in spans of equal length.

    At most about ``buckets`` spans; one without a test is left out.
    """
    width = max((until - since) / max(buckets, 1), timedelta(seconds=1))
    parameters = {"id": proxy_id, "since": since, "until": until, "width": width}
    rows = replica.read(lambda alias: rows_of(BUCKETS, parameters, using=alias))
    return [Bucket(*row) for row in rows]


def proxy_tests(
    proxy_id: int,
    *,
    since: datetime,
    until: datetime,
    limit: int = 50,
    after: tuple[datetime, int] | None = None,
) -> Sequence[ProxyTest]:
    """Return the newest tests from ``since`` to before ``until``, newest first.

    ``after`` is the time and the id of the test that the page before it ended with.
    """
    found = ProxyTest.objects.filter(
        proxy_id=proxy_id, test_time__gte=since, test_time__lt=until
    )
    if after is not None:
        earlier = Q(test_time__lt=after[0]) | Q(test_time=after[0], id__lt=after[1])
        found = found.filter(earlier, test_time__lte=after[0])
    return list(found.order_by("-test_time", "-id")[:limit])


def proxy_failures(
    proxy_id: int, *, since: datetime, until: datetime
) -> dict[str, int]:
    """Return how many tests failed for each class of failure, the commonest first."""
    rows = (
        ProxyTest.objects.filter(
            proxy_id=proxy_id,
            test_time__gte=since,
            test_time__lt=until,
            success=False,
        )
        .order_by()
        .values_list(KeyTextTransform("failure", "test_details"))
        .annotate(count=Count("*"))
    )
    found = replica.read(lambda alias: list(rows.using(alias)))
    return {str(name): count for name, count in sorted(found, key=lambda row: -row[1])}


def proxy_results(
    proxy_id: int, *, since: datetime, until: datetime, limit: int
) -> list[tuple[bool, int | None]]:
    """Return success and latency of the newest tests of a time, newest first.

    It begins with ``since`` and ends with ``until``.
    """
    found = ProxyTest.objects.filter(
        proxy_id=proxy_id, test_time__gte=since, test_time__lte=until
    )
    newest = found.order_by("-test_time", "-id").values_list("success", "latency_ms")
    return list(newest[:limit])

"""Tests of a proxy as its history chart shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from btc_watcher.lib.statements import rows_of

if TYPE_CHECKING:
    from datetime import datetime, timedelta

SPANS: Final = """
SELECT date_bin(%(width)s, test_time, %(origin)s) AS span,
       CASE WHEN success THEN '' ELSE coalesce(test_details->>'failure', '?') END AS class,
       count(*),
       percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE success),
       max(latency_ms) FILTER (WHERE success)
FROM proxy_test_history
WHERE proxy_id = %(id)s AND test_time >= %(since)s AND test_time < %(until)s
GROUP BY span, class
ORDER BY span, class
"""


@dataclass(slots=True)
class Span:
    """The tests of one span of time, which begins at ``at``; latencies in ms.

    ``failures`` counts the failed ones by their class.
    """

    at: datetime
    tests: int = 0
    p50_ms: int | None = None
    max_ms: int | None = None
    failures: dict[str, int] = field(default_factory=dict)


def proxy_spans(
    proxy_id: int,
    *,
    since: datetime,
    until: datetime,
    width: timedelta,
    origin: datetime,
) -> list[Span]:
    """Return the tests from ``since`` to before ``until`` in spans of ``width``.

    Spans begin at ``origin`` and multiples of ``width`` from there; one without a test
    is left out.
    """
    parameters = {
        "id": proxy_id,
        "since": since,
        "until": until,
        "width": width,
        "origin": origin,
    }
    spans: dict[datetime, Span] = {}
    for at, failure, count, p50, most in rows_of(SPANS, parameters):
        span = spans.setdefault(at, Span(at))
        span.tests += count
        if failure:
            span.failures[failure] = count
        else:
            span.p50_ms, span.max_ms = p50, most
    return list(spans.values())

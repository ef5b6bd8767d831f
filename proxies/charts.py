"""The history of a proxy as the chart on its page draws it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from proxies.probe import FAILURES
from proxies.selectors.pages import proxy_spans
from proxies.words import failure_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django_stubs_ext import StrOrPromise

    from proxies.selectors.pages import Span

# Multiples of every width from here on begin on full hours and days of UTC.
ORIGIN: Final = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Range:
    """A period that can be chosen, drawn in spans of ``width``."""

    key: str
    label: StrOrPromise
    length: timedelta
    width: timedelta


RANGES: Final = (
    Range("24h", gettext_lazy("24 hours"), timedelta(days=1), timedelta(minutes=10)),
    Range("7d", gettext_lazy("7 days"), timedelta(days=7), timedelta(hours=1)),
    Range("30d", gettext_lazy("30 days"), timedelta(days=30), timedelta(hours=4)),
    Range("90d", gettext_lazy("90 days"), timedelta(days=90), timedelta(hours=12)),
)


def range_of(text: str) -> Range:
    """Return the range that is asked for, the first one by default."""
    return next((each for each in RANGES if each.key == text), RANGES[0])


@dataclass(frozen=True, slots=True)
class Chart:
    """What the page draws and says: ``data`` is for the script, the rest for readers."""

    data: dict[str, Any]
    tests: int
    failed: int
    # Class, its words and how often, the commonest first.
    failures: list[tuple[str, str, int]]


def chart_of(proxy_id: int, wanted: Range) -> Chart:
    """Return the chart of a proxy's tests in the period that ends now."""
    now = timezone.now()
    spans = proxy_spans(
        proxy_id,
        since=now - wanted.length,
        until=now + timedelta(seconds=1),
        width=wanted.width,
        origin=ORIGIN,
    )
    classes = _classes(spans)
    counted = {
        name: sum(span.failures.get(name, 0) for span in spans) for name in classes
    }
    failures = [(name, failure_words(name), counted[name]) for name in classes]
    return Chart(
        data=_data(spans, classes, wanted, now),
        tests=sum(span.tests for span in spans),
        failed=sum(counted.values()),
        failures=sorted(failures, key=lambda each: -each[2]),
    )


def _classes(spans: Sequence[Span]) -> list[str]:
    seen = {name for span in spans for name in span.failures}
    known = [name for name in FAILURES if name in seen]
    return known + sorted(seen - set(known))


def _data(
    spans: Sequence[Span], classes: Sequence[str], wanted: Range, now: datetime
) -> dict[str, Any]:
    """Return columns of equal length: moments in seconds, latencies, failures by class.

    A moment is the middle of its span.
    """
    half = wanted.width / 2
    return {
        "from": round((now - wanted.length).timestamp()),
        "to": round(now.timestamp()),
        "width": round(wanted.width.total_seconds()),
        "at": [round((span.at + half).timestamp()) for span in spans],
        "tests": [span.tests for span in spans],
        "p50": [span.p50_ms for span in spans],
        "max": [span.max_ms for span in spans],
        "failures": [
            {
                "name": name,
                "label": failure_words(name),
                "counts": [span.failures.get(name, 0) for span in spans],
            }
            for name in classes
        ],
        "language": get_language() or "en",
        "zone": timezone.get_current_timezone_name(),
        "words": {
            "time": _("time"),
            "p50": _("median"),
            "max": _("slowest"),
            "tests": _("tests"),
            "none": _("Nothing was tested in this period."),
        },
    }

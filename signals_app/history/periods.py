"""From when to when, as people name it: on the clocks of their own zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from datetime import tzinfo

PERIODS: Final = {
    "today": _("today"),
    "24h": _("24 hours"),
    "7d": _("7 days"),
    "30d": _("30 days"),
    "month": _("this month"),
}
DEFAULT: Final = "7d"
LENGTHS: Final = {"24h": timedelta(1), "7d": timedelta(7), "30d": timedelta(30)}
# The next longer one, for who finds nothing.
WIDER: Final = {
    "today": ("7d", "30d"),
    "24h": ("7d", "30d"),
    "7d": ("30d",),
    "month": ("30d",),
}
# Clocks differ a little: the newest candle may have closed in our future.
AHEAD: Final = timedelta(minutes=2)


def period_range(period: str, now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the moments between which a period lies, the second not included.

    Raises KeyError for one that is not in PERIODS.
    """
    until = now + AHEAD
    if period in LENGTHS:
        return now - LENGTHS[period], until
    today = now.astimezone(zone).date()
    first = {"today": today, "month": today.replace(day=1)}[period]
    return midnight(first, zone), until


def midnight(day: date, zone: tzinfo) -> datetime:
    """Return when a day begins in a zone, in UTC; OverflowError outside the calendar."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def moment_read(text: str, zone: tzinfo, *, last: bool) -> datetime:
    """Read a day or a minute as people write it; ``last`` is the end of a range.

    What is named belongs to the range: the end is that of the day or of the minute. A
    moment with an offset is as it is, others are on the clocks of ``zone``. Raises
    ValueError for what is neither, OverflowError outside the calendar.
    """
    text = text.strip()
    if len(text) == len("2026-11-20"):
        day = date.fromisoformat(text)
        return midnight(day + timedelta(days=last), zone)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    return moment.replace(tzinfo=zone).astimezone(UTC) + timedelta(minutes=last)

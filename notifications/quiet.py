"""Quiet hours in a zone, across midnight and daylight saving. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from btc_watcher.lib.errors import ConfigurationError

PASSES: Final = ("P0", "none")
DEFAULT_ZONE: Final = "UTC"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``start`` to ``end`` on the clocks of ``zone``, every day.

    ``passes`` is the priority that is told all the same, or none.
    """

    start: time
    end: time
    zone: ZoneInfo
    passes: str = "P0"

    def lets_pass(self, priority: str) -> bool:
        """Tell whether a message of ``priority`` is told in quiet hours."""
        return priority == self.passes

    def until(self, now: datetime) -> datetime | None:
        """Return the end (UTC) of the quiet hours that ``now`` lies in, or None.

        ``now`` is aware. Where clocks are set back, the quiet hours go from the first
        start to the last end. A time that clocks leave out counts as much later as
        they jump: 02:30 is 03:30.
        """
        today = now.astimezone(self.zone).date()
        for day in (today - timedelta(days=1), today):
            last = day if self.start < self.end else day + timedelta(days=1)
            start = datetime.combine(day, self.start, self.zone).astimezone(UTC)
            end = self._late(datetime.combine(last, self.end, self.zone))
            if start <= now < end:
                return end
        return None

    @staticmethod
    def _late(wall: datetime) -> datetime:
        """Return the moment of a wall time; of two the second, of none the later."""
        first, second = (wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
        return max(first, second)


def quiet_read(value: object, *, zone: str = DEFAULT_ZONE) -> QuietHours | None:
    """Read ``{"from": "22:30", "to": "07:00", "zone": …, "passes": "P0"}``.

    ``zone`` is for a value that names none. None or an empty object means no quiet
    hours. Raises ConfigurationError that names what is wrong.
    """
    if not value:
        return None
    if not isinstance(value, dict):
        raise ConfigurationError(
            _("'quiet_hours' is %(value)r; use an object with from, to and zone.")
            % {"value": value}
        )
    start, end = _time(value, "from"), _time(value, "to")
    if start == end:
        raise ConfigurationError(
            _("The quiet hours begin and end at %(time)s; set different times.")
            % {"time": f"{start:%H:%M}"}
        )
    passes = value.get("passes", "P0")
    if passes not in PASSES:
        raise ConfigurationError(
            _("'passes' of the quiet hours is %(value)r; use one of %(known)s.")
            % {"value": passes, "known": ", ".join(PASSES)}
        )
    return QuietHours(start, end, zone_read(value.get("zone") or zone), passes)


def zone_read(name: object) -> ZoneInfo:
    """Return the zone of an IANA name; ConfigurationError when there is none."""
    try:
        if isinstance(name, str):
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # Not known, not a name, or the name of a folder.
        pass
    raise ConfigurationError(
        _("%(name)r is not a time zone; use a name such as 'Asia/Shanghai'.")
        % {"name": name}
    )


def _time(value: dict[str, Any], key: str) -> time:
    text = value.get(key)
    try:
        return datetime.strptime(str(text), "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        raise ConfigurationError(
            _("%(key)r of the quiet hours is %(value)r; write it like '22:30'.")
            % {"key": key, "value": text}
        ) from None

"""Who reads a channel: in which language and zone, when, and how fast. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.utils.translation import gettext as _

from accounts.display import Display, rise_of
from btc_watcher.lib.errors import ConfigurationError
from notifications.quiet import DEFAULT_ZONE, QuietHours, quiet_read, zone_read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

LANGUAGES: Final = ("zh-hans", "en")
# Seconds that messages are gathered: none of a P0, at most these of the others.
SPEED: Final = {"P0": 0, "P1": 60, "P2": 300}
SPEED_LIMITS: Final = {"P1": 60, "P2": 24 * 3600}
# Windows end this long after the full minute: candles close on it, and what they
# bring arrives within seconds, so one window holds one close and ends soon after.
WINDOW_OFFSET: Final = 20
REPEAT_MINUTES: Final = 240
LONGEST_REPEAT: Final = 7 * 24 * 60


class Person(NamedTuple):
    """The user whom a channel belongs to, as far as it matters here.

    ``language`` is Django's code; ``preferences`` may hold quiet_hours.
    """

    language: str
    zone: str
    preferences: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now: until when, and why (quiet_hours, grouping, digest or budget)."""

    until: datetime
    why: str

    def metadata(self) -> dict[str, Any]:
        """Return what a held row has in its metadata."""
        until = self.until.astimezone(UTC).isoformat()
        return {"held": {"until": until, "why": self.why}, "next_attempt_at": until}


@dataclass(frozen=True, slots=True)
class Receiver:
    """A channel's language, zone, colours, quiet hours, speed and reminders, read once.

    ``speed`` are the seconds for which a priority is gathered; ``repeat_minutes`` 0
    means that an alert is told once. ``rise`` is the colour of what rises in pictures.
    """

    language: str
    zone: ZoneInfo
    quiet: QuietHours | None
    speed: Mapping[str, int]
    repeat_minutes: int
    rise: str

    def quiet_until(self, priority: str, now: datetime) -> datetime | None:
        """Return the end of the quiet hours that keep ``priority`` now, or None."""
        if self.quiet is None or self.quiet.lets_pass(priority):
            return None
        return self.quiet.until(now)

    def hold(self, priority: str, now: datetime) -> Hold | None:
        """Return what keeps a new message of ``priority``, or None for at once."""
        if until := self.quiet_until(priority, now):
            return Hold(until, "quiet_hours")
        if seconds := self.speed.get(priority, 0):
            why = "grouping" if priority == "P1" else "digest"
            return Hold(window_end(now, seconds), why)
        return None


def receiver_of(
    config: Mapping[str, Any], person: Person | None, *, language: str
) -> Receiver:
    """Read a stored configuration; ``language`` is the installation's.

    The channel's own words go before those of ``person``. What is stored and makes no
    sense counts as absent: a message must not fail because of it.
    """
    own = config.get("language")
    person_zone = person.zone if person else DEFAULT_ZONE
    quiet = _quiet(config.get("quiet_hours"), person_zone)
    if quiet is None and person is not None:
        quiet = _quiet(person.preferences.get("quiet_hours"), person_zone)
    told = own if own in LANGUAGES else (person.language if person else language)
    display = Display.read(person.preferences) if person else Display()
    return Receiver(
        language=told,
        zone=_zone(person_zone) if person or quiet is None else quiet.zone,
        quiet=quiet,
        speed=_speed(config),
        repeat_minutes=_repeat(config),
        rise=rise_of(display, told),
    )


def speed_read(config: Mapping[str, Any]) -> dict[str, int]:
    """Return the seconds by priority; ConfigurationError names what is wrong."""
    value = config.get("speed")
    if value is None:
        return dict(SPEED)
    if not isinstance(value, dict) or not set(value) <= set(SPEED_LIMITS):
        raise ConfigurationError(
            _("'speed' is %(value)r; use an object with seconds for P1 and P2.")
            % {"value": value}
        )
    speed = dict(SPEED)
    for priority, limit in SPEED_LIMITS.items():
        speed[priority] = whole_number(value, priority, speed[priority], limit)
    return speed


def repeat_read(config: Mapping[str, Any]) -> int:
    """Return the minutes between reminders; ConfigurationError names a wrong one."""
    return whole_number(config, "repeat_minutes", REPEAT_MINUTES, LONGEST_REPEAT)


def whole_number(values: Mapping[str, Any], key: str, default: int, limit: int) -> int:
    """Return the number under ``key``, 0 to ``limit``; ConfigurationError otherwise."""
    value = values.get(key)
    if value is None:
        return default
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or value != value // 1
        or not 0 <= value <= limit
    ):
        raise ConfigurationError(
            _("%(key)r is %(value)r; use a whole number from 0 to %(limit)d.")
            % {"key": key, "value": value, "limit": limit}
        )
    return int(value)


def window_end(now: datetime, seconds: int) -> datetime:
    """Return the end (UTC) of the window of ``seconds`` that ``now`` lies in.

    Windows are aligned, so every process computes the same one. ``now`` on an end
    lies in the next window.
    """
    offset = min(WINDOW_OFFSET, seconds // 3)
    windows = math.floor((now.timestamp() - offset) / seconds) + 1
    return datetime.fromtimestamp(windows * seconds + offset, UTC)


def _quiet(value: object, zone: str) -> QuietHours | None:
    try:
        return quiet_read(value, zone=zone)
    except ConfigurationError:
        return None


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_read(name)
    except ConfigurationError:
        return zone_read(DEFAULT_ZONE)


def _speed(config: Mapping[str, Any]) -> dict[str, int]:
    try:
        return speed_read(config)
    except ConfigurationError:
        return dict(SPEED)


def _repeat(config: Mapping[str, Any]) -> int:
    try:
        return repeat_read(config)
    except ConfigurationError:
        return REPEAT_MINUTES

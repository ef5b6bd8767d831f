"""Which messages go to which channels, and in what state. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from notifications.inhibition import inhibited_by
from notifications.rules import Condition, Rules, conditions_read

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from notifications.messages import Message
    from notifications.receivers import Receiver


@dataclass(frozen=True, slots=True)
class Target:
    """A channel as routing sees it."""

    id: int
    type: str
    enabled: bool
    rules: Rules
    receiver: Receiver


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Not at all: because of a silence or an open alert, and which.

    ``reason`` is the silence's, in the words of whoever made it.
    """

    because: str
    by: str
    reason: str = ""

    def metadata(self) -> dict[str, Any]:
        """Return what a suppressed row has in its metadata."""
        found = {"because": self.because, "by": self.by}
        if self.reason:
            found["reason"] = self.reason
        return {"suppressed": found}


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence that is on; what its matcher does not list means all.

    ``keys`` are keys of alerts. Unlike a channel's rule, a condition here does not
    speak of messages that lack its value: a silence for a pair mutes that pair only.
    """

    id: int
    rules: Rules
    conditions: tuple[Condition, ...]
    channels: frozenset[int] | None
    keys: tuple[Condition, ...]
    reason: str = ""

    @classmethod
    def read(cls, number: int, matcher: Mapping[str, Any], reason: str = "") -> Silence:
        """Read a stored matcher (see ``silences.matcher_check``)."""
        channels = matcher.get("channels")
        keys = matcher.get("keys")
        named = conditions_read({"pairs": keys})
        return cls(
            id=number,
            rules=Rules.read(
                {each: matcher.get(each) for each in ("message_types", "priorities")}
            ),
            conditions=conditions_read(matcher),
            channels=frozenset(each for each in channels if isinstance(each, int))
            if isinstance(channels, list)
            else None,
            keys=tuple(each._replace(keys=("alert",)) for each in named),
            reason=reason,
        )

    def fits(self, message: Message) -> bool:
        """Tell whether the silence mutes ``message`` on the channels it is for."""
        context = message.context
        if self.rules.obstacle(message.message_type, message.priority, context):
            return False
        return all(
            (value := condition.value_of(context)) is not None and condition.fits(value)
            for condition in (*self.conditions, *self.keys)
        )


class Wanted(Enum):
    """Nothing keeps a message from a channel."""

    YES = True


WANTED: Final = Wanted.YES


class Circumstances(NamedTuple):
    """What keeps messages away besides a channel's own rules."""

    silences: Sequence[Silence] = ()
    open_keys: Collection[str] = ()


class Placement(NamedTuple):
    """One channel for the messages of ``group``.

    ``extra`` is added to the metadata; it says so when the rows are held.
    """

    group: int
    channel_id: int
    channel_type: str
    status: str = "pending"
    extra: Mapping[str, Any] = MappingProxyType({})
    held_until: datetime | None = None


@dataclass(slots=True)
class Plan:
    """The group of each message, and where each group goes."""

    groups: list[int] = field(default_factory=list)
    placements: list[Placement] = field(default_factory=list)

    def rows(self) -> int:
        """Return how many rows the plan makes."""
        sizes: dict[int, int] = {}
        for group in self.groups:
            sizes[group] = sizes.get(group, 0) + 1
        return sum(sizes.get(placement.group, 0) for placement in self.placements)


class Muting(NamedTuple):
    """What mutes one message: an open alert everywhere, silences on their channels."""

    inhibitor: str
    silences: Sequence[Silence]

    def on(self, channel_id: int) -> Suppressed | None:
        """Return what mutes the message on a channel, or None."""
        if self.inhibitor:
            return Suppressed("inhibited", self.inhibitor)
        for silence in self.silences:
            if silence.channels is None or channel_id in silence.channels:
                return Suppressed("silence", str(silence.id), silence.reason)
        return None


NOTHING: Final = Muting("", ())


def muting(message: Message, circumstances: Circumstances) -> Muting:
    """Return what mutes ``message`` under ``circumstances``."""
    return Muting(
        inhibited_by(message, circumstances.open_keys),
        [silence for silence in circumstances.silences if silence.fits(message)],
    )


def suppression(
    message: Message, channel_id: int, circumstances: Circumstances
) -> Suppressed | None:
    """Return what mutes ``message`` on a channel, or None."""
    return muting(message, circumstances).on(channel_id)


def plan(
    messages: Sequence[Message],
    targets: Sequence[Target],
    circumstances: Circumstances,
    *,
    now: datetime,
    at_once: bool = False,
) -> Plan:
    """Return where ``messages`` go; those that go the same way share a group.

    ``at_once`` overrides quiet hours and speed. A candle close brings thousands of
    messages, so what depends on type and priority alone is decided once for all.
    """
    result = Plan()
    known: dict[object, int] = {}
    targets = [target for target in targets if target.enabled]
    individual = any(circumstances) or any(
        target.rules.conditions for target in targets
    )
    for message in messages:
        kind = (message.message_type, message.priority)
        ways = _ways(message, targets, circumstances) if individual else None
        signature = kind if ways is None else (*kind, *ways)
        group = known.get(signature)
        if group is None:
            group = known[signature] = len(known)
            if ways is None:
                ways = _ways(message, targets, circumstances)
            wanting = [
                (target, way)
                for target, way in zip(targets, ways, strict=True)
                if way is not None
            ]
            moment = None if at_once else now
            result.placements += _placements(group, message.priority, wanting, moment)
        result.groups.append(group)
    return result


def _ways(
    message: Message, targets: Sequence[Target], circumstances: Circumstances
) -> tuple[Suppressed | Wanted | None, ...]:
    muted = muting(message, circumstances) if any(circumstances) else NOTHING
    facts = message.message_type, message.priority, message.context
    return tuple(
        None if target.rules.obstacle(*facts) else muted.on(target.id) or WANTED
        for target in targets
    )


def _placements(
    group: int,
    priority: str,
    wanting: Iterable[tuple[Target, Suppressed | Wanted]],
    now: datetime | None,
) -> Iterator[Placement]:
    """Give each channel its state; without ``now`` nothing is held."""
    for target, way in wanting:
        place = Placement(group, target.id, target.type)
        if isinstance(way, Suppressed):
            yield place._replace(status="failed", extra=way.metadata())
        elif now and (hold := target.receiver.hold(priority, now)):
            yield place._replace(extra=hold.metadata(), held_until=hold.until)
        else:
            yield place

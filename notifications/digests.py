"""Many messages as one: which belong together, and what the digest says. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.messages import MESSAGE_TYPES, Message
from notifications.rendering.values import DIRECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID
    from zoneinfo import ZoneInfo

TABLE_ROWS: Final = 40
TITLE_SHOWN: Final = 80
NAMES_SHOWN: Final = 8
# Context of a member that a digest counts by or shows in its table.
COUNTED: Final = ("signal_type", "pair", "strategy", "exchange")
# The kinds of digests: after quiet hours, above the budget, and by the clock.
KINDS: Final = {"quiet_hours": "catch_up", "budget": "burst"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A held row of the outbox, as far as digests need it.

    ``alone`` tells that it must be sent as itself: a digest, or a message that has
    reached some of its recipients. ``context`` is the message's own, ``by_hand`` tells
    that a person sends it again.
    """

    id: int
    sent_at: datetime
    signal_id: UUID | None
    message_type: str
    priority: str
    title: str
    queued_at: datetime
    why: str
    due: bool
    alone: bool
    context: Mapping[str, Any]
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are told together: their highest priority, and why they were held."""

    priority: str
    why: str
    members: tuple[Held, ...]


def groups(rows: Sequence[Held]) -> list[Group]:
    """Return the groups that are due, P0 first.

    One window of a priority is one group; everything that quiet hours kept is one;
    of what the budget kept, P0 is one and the rest another. The budget belongs to the
    channel, so what it keeps is due together, a moment early or not.
    """
    found: dict[tuple[object, ...], list[Held]] = {}
    for row in rows:
        found.setdefault(_lane(row), []).append(row)
    made = [
        Group(_highest(members), members[0].why, tuple(members))
        for members in found.values()
        if any(member.due for member in members)
    ]
    return sorted(made, key=lambda group: (group.priority, group.members[0].id))


def _lane(row: Held) -> tuple[object, ...]:
    if row.alone:
        return ("alone", row.id)
    if row.why == "quiet_hours":
        return (row.why, row.due)
    if row.why == "budget":
        return (row.why, row.priority == "P0")
    return (row.why, row.priority, row.due)


def digest_message(
    group: Group, zone: ZoneInfo, title_of: Callable[[Held], str] | None = None
) -> Message:
    """Return the digest of ``group`` in the active language, with times of ``zone``.

    ``title_of`` gives the titles of its rows, which are otherwise as they were stored.
    """
    members = sorted(group.members, key=lambda row: (row.priority, row.queued_at))
    first, last = (
        pick(row.queued_at for row in members).astimezone(zone) for pick in (min, max)
    )
    kind = KINDS.get(group.why, "digest")
    count = len(members)
    span = {"from": _moment(first), "to": _moment(last), "zone": str(zone)}
    shown = members[:TABLE_ROWS]
    if title_of:
        shown = [replace(row, title=title_of(row)) for row in shown]
    lines = [
        *_heads(kind, count, span),
        *_counts(members),
        "",
        *(_row(row, zone, first.date() == last.date()) for row in shown),
    ]
    if more := count - len(shown):
        lines.append(
            ngettext("… and %(count)d more", "… and %(count)d more", more)
            % {"count": more}
        )
    return Message(
        message_type=_message_type(members),
        priority=group.priority,
        title=_title(kind, members),
        body="\n".join(lines),
        context=_context(kind, members, shown) | span,
    )


def _highest(members: Iterable[Held]) -> str:
    return min((row.priority for row in members), key=_rank)


def _rank(priority: str) -> int:
    return PRIORITIES.index(priority) if priority in PRIORITIES else len(PRIORITIES)


def _message_type(members: Sequence[Held]) -> str:
    # What wants attention most names the digest.
    found = {row.message_type for row in members}
    ordered = ("alert", *MESSAGE_TYPES)
    return next(each for each in ordered if each in found)


def _title(kind: str, members: Sequence[Held]) -> str:
    count = len(members)
    values: dict[str, Any] = {"count": count}
    if {row.message_type for row in members} == {"signal"}:
        what = ngettext("%(count)d signal", "%(count)d signals", count) % values
    else:
        what = ngettext("%(count)d message", "%(count)d messages", count) % values
    directions = _counter(members, "signal_type").most_common()
    if directions:
        counted = [f"{_(DIRECTIONS.get(each, each))} {n}" for each, n in directions]
        what = _("%(what)s: %(counts)s") % {"what": what, "counts": ", ".join(counted)}
    if kind == "catch_up":
        return _("After quiet hours: %(what)s") % {"what": what}
    return what


def _heads(kind: str, count: int, span: Mapping[str, str]) -> list[str]:
    values = {"count": count} | dict(span)
    lines = [_("From %(from)s to %(to)s (%(zone)s)") % values]
    if kind == "catch_up":
        lines.append(_("These were kept until the quiet hours ended."))
    elif kind == "burst":
        lines.append(
            _("There were more at once than this channel may send one by one.")
        )
    return lines


def _counts(members: Sequence[Held]) -> list[str]:
    labels = {
        "priority": _("Priorities"),
        "strategy": _("Strategies"),
        "pair": _("Pairs"),
        "exchange": _("Exchanges"),
    }
    lines = []
    for key, label in labels.items():
        if text := _counted(members, key):
            lines.append(_("%(label)s: %(value)s") % {"label": label, "value": text})
    return lines


def _counted(members: Sequence[Held], key: str) -> str:
    counts = _counter(members, key)
    named = [f"{name} {number}" for name, number in counts.most_common(NAMES_SHOWN)]
    return ", ".join(named) + (" …" if len(counts) > NAMES_SHOWN else "")


def _counter(members: Sequence[Held], key: str) -> Counter[str]:
    if key == "priority":
        counts = Counter(row.priority for row in members)
        return Counter({each: counts[each] for each in sorted(counts)})
    values = (row.context.get(key) for row in members)
    return Counter(str(value) for value in values if value not in (None, ""))


def _row(row: Held, zone: ZoneInfo, same_day: bool) -> str:  # noqa: FBT001 - private
    moment = row.queued_at.astimezone(zone)
    time = f"{moment:%H:%M}" if same_day else f"{moment:%m-%d %H:%M}"
    parts = [time, row.priority, row.title[:TITLE_SHOWN]]
    if strategy := row.context.get("strategy"):
        parts.append(f"({strategy})")
    return " ".join(parts)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _context(
    kind: str, members: Sequence[Held], shown: Sequence[Held]
) -> dict[str, Any]:
    """Return what a template for digests can use."""
    return {
        "digest": kind,
        "count": len(members),
        "counts": {
            key: dict(_counter(members, key).most_common(NAMES_SHOWN))
            for key in ("priority", *COUNTED)
        },
        "rows": [
            {
                "id": row.id,
                "time": row.queued_at.isoformat(),
                "priority": row.priority,
                "title": row.title,
                **{key: row.context.get(key) for key in COUNTED},
            }
            for row in shown
        ],
        "more": len(members) - len(shown),
    }

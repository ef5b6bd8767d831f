"""Rows of the outbox for thousands of messages at once, by COPY."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from btc_watcher.lib.copying import NULL, copying, json_field, text_field
from btc_watcher.lib.statements import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from notifications.messages import Message
    from notifications.routing import Placement, Plan

# From here on COPY is cheaper than one statement.
COPY_MESSAGES: Final = 200
# Rows of one part of a COPY.
PART: Final = 250
# COPY returns nothing, so the numbers are drawn before.
NUMBERS: Final = """
SELECT nextval('notification_history_id_seq') FROM generate_series(1, %s)
"""
COPY: Final = """
COPY notification_history (id, signal_id, channel_id, channel_type, message_type, content,
    status, sent_at, metadata) FROM STDIN
"""


class Place(NamedTuple):
    """A placement as its rows have it: what is the same in each, as fields of a line.

    ``metadata`` is what is added to the message's own, the end of a JSON object;
    ``priority`` is empty where it is the message's.
    """

    channel_id: int
    fields: tuple[str, str]
    status: str
    metadata: str
    priority: str
    held: bool


def burst_copy(
    messages: Sequence[Message], plan: Plan, now: datetime, extra: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Write a row for each message and placement of its group.

    Returns id, channel, priority, signal, whether it is held, sent_at and status of
    each, as the statement for few rows does.
    """
    places = _by_group(plan.placements, extra)
    wanted = [
        (message, place)
        for message, group in zip(messages, plan.groups, strict=True)
        for place in places[group]
    ]
    numbers = [number for (number,) in rows_of(NUMBERS, [len(wanted)])]
    moment = now.isoformat()
    with copying(COPY) as write:
        for start in range(0, len(wanted), PART):
            part = slice(start, start + PART)
            write(
                _line(number, message, place, moment)
                for number, (message, place) in zip(
                    numbers[part], wanted[part], strict=True
                )
            )
    return [
        (
            *(number, place.channel_id, place.priority or message.priority),
            *(message.signal_id, place.held, now, place.status),
        )
        for number, (message, place) in zip(numbers, wanted, strict=True)
    ]


def _by_group(
    placements: Sequence[Placement], extra: Mapping[str, Any]
) -> dict[int, list[Place]]:
    found: dict[int, list[Place]] = defaultdict(list)
    for each in placements:
        more = dict(each.extra) | dict(extra)
        text = orjson.dumps(more).decode()
        found[each.group].append(
            Place(
                channel_id=each.channel_id,
                fields=(str(each.channel_id), text_field(each.channel_type)),
                status=each.status,
                # Of a key that comes twice PostgreSQL keeps the last.
                metadata=f",{text[1:]}" if more else "}",
                priority=more.get("priority", ""),
                held="held" in more,
            )
        )
    return found


def _line(number: int, message: Message, place: Place, moment: str) -> str:
    metadata = message.metadata(moment)[:-1] + place.metadata
    signal = NULL if message.signal_id is None else str(message.signal_id)
    return (
        f"{number}\t{signal}\t{place.fields[0]}\t{place.fields[1]}"
        f"\t{message.message_type}\t{text_field(message.content)}\t{place.status}"
        f"\t{moment}\t{json_field(metadata)}\n"
    )

"""Rows of the outbox: written by the thousand, and found again when a task vanished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from django.db import connection

from btc_watcher.lib.redis_keys import PRIORITIES
from btc_watcher.lib.statements import rows_of
from notifications.policy import LEASE, SWEEP_LIMIT, channel_matches, sweep_patience
from notifications.queues import Queued

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from notifications.messages import Message
    from notifications.models import NotificationChannel

# The texts travel once, whatever the number of channels: rows are the join of the
# messages with the channels that want their priority and type. They travel as one
# JSON text, because quoting arrays of thousands of texts takes the driver as long
# as all the rest.
INSERT: Final = """
INSERT INTO notification_history
    (signal_id, channel_id, channel_type, message_type, content, status, sent_at, metadata)
SELECT message.signal_id, channel.id, channel.type, message.type, message.content,
       'pending', %(now)s, message.metadata || channel.extra::jsonb
FROM json_to_recordset(%(messages)s::json)
     AS message (signal_id uuid, type text, priority text, content text, metadata jsonb)
JOIN unnest(%(match_types)s::text[], %(match_priorities)s::text[],
            %(channel_ids)s::integer[], %(channel_types)s::text[], %(extras)s::text[])
     AS channel (message_type, message_priority, id, type, extra)
  ON channel.message_type = message.type
 AND channel.message_priority = message.priority
RETURNING id, channel_id, metadata ->> 'priority', signal_id
"""
# The index on status finds the few rows that wait among millions that were sent.
# Rows never tried go before retries, so a dead channel cannot hold up the others.
SWEEP: Final = """
WITH due AS (
    SELECT id, sent_at FROM notification_history
    WHERE status IN ('pending', 'retry')
      AND (NOT metadata ? 'claim'
           OR (metadata ->> 'claimed_at')::timestamptz < %(lease_over)s)
      AND (NOT metadata ? 'next_attempt_at'
           OR (metadata ->> 'next_attempt_at')::timestamptz <= %(now)s)
      AND coalesce(
            coalesce(metadata ->> 'enqueued_at',
                     CASE status WHEN 'pending' THEN metadata ->> 'queued_at' END
            )::timestamptz
            < CASE metadata ->> 'priority'
                WHEN 'P0' THEN %(before_P0)s
                WHEN 'P1' THEN %(before_P1)s
                ELSE %(before_P2)s END, true)
    ORDER BY metadata ->> 'priority', status, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE notification_history AS row
SET metadata = row.metadata || jsonb_build_object('enqueued_at', %(now_text)s::text)
FROM due WHERE row.id = due.id AND row.sent_at = due.sent_at
RETURNING row.id, row.channel_id, coalesce(row.metadata ->> 'priority', 'P2')
"""


def notifications_record(
    *,
    messages: Sequence[Message],
    channels: Sequence[NotificationChannel],
    now: datetime,
    extra: str = "{}",
) -> list[Queued]:
    """Write one pending row for each message and channel that wants it.

    One statement, whatever their number; ``extra`` is a JSON object that is
    added to the metadata. Call it inside the transaction of what is announced.
    """
    wanted = {(message.message_type, message.priority) for message in messages}
    matches = [
        (message_type, priority, channel.id, channel.type, extra)
        for message_type, priority in sorted(wanted)
        for channel in channels
        if channel_matches(
            enabled=channel.enabled,
            config=channel.config,
            priority=priority,
            message_type=message_type,
        )
    ]
    if not matches:
        return []
    return rows_insert(messages, matches, now)


def rows_insert(
    messages: Sequence[Message],
    matches: Sequence[tuple[str, str, int, str, str]],
    now: datetime,
) -> list[Queued]:
    """Insert ``messages`` for ``matches``: (type, priority, channel, its type, extra)."""
    match_types, match_priorities, channel_ids, channel_types, extras = zip(
        *matches, strict=True
    )
    parameters: dict[str, Any] = {
        "now": now,
        "messages": _document(messages, now.isoformat()),
        "match_types": list(match_types),
        "match_priorities": list(match_priorities),
        "channel_ids": list(channel_ids),
        "channel_types": list(channel_types),
        "extras": list(extras),
    }
    return [Queued(*row) for row in rows_of(INSERT, parameters)]


def _document(messages: Sequence[Message], queued_at: str) -> str:
    return orjson.dumps(
        [
            {
                "signal_id": message.signal_id,
                "type": message.message_type,
                "priority": message.priority,
                "content": message.content,
                "metadata": orjson.Fragment(message.metadata(queued_at)),
            }
            for message in messages
        ]
    ).decode()


def notifications_sweep(*, lengths: Mapping[str, int], now: datetime) -> list[Queued]:
    """Mark and return notifications that are due and whose task may have vanished.

    ``lengths`` are the tasks that wait in the queue of each priority: while there
    are some, a notification's own task is given more time to be among them.
    """
    parameters: dict[str, Any] = {
        "now": now,
        "now_text": now.isoformat(),
        "lease_over": now - LEASE,
        "limit": SWEEP_LIMIT,
    }
    for priority in PRIORITIES:
        patience = sweep_patience(priority, lengths[priority])
        parameters[f"before_{priority}"] = now - patience
    with connection.cursor() as cursor:
        cursor.execute(SWEEP, parameters)
        return [Queued(*row) for row in cursor.fetchall()]

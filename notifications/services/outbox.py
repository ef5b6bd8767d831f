"""Rows of the outbox: written by the thousand, and found again when a task vanished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from django.db import connection

from btc_watcher.lib.redis_keys import PRIORITIES
from btc_watcher.lib.statements import rows_of
from notifications import routing
from notifications.policy import (
    CLAIM_AHEAD,
    CLOCKS_APART,
    LEASE,
    PUT_OFF_AT_MOST,
    SWEEP_LIMIT,
    sweep_patience,
)
from notifications.queues import Queued
from notifications.services.bursts import COPY_MESSAGES, burst_copy
from notifications.services.fan_outs import fan_out_record, fan_out_split, waiting
from notifications.services.targets import circumstances, targets_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from notifications.messages import Message
    from notifications.models import NotificationChannel
    from notifications.routing import Placement, Plan

# The texts travel once, whatever the number of channels: rows are the join of the
# messages with the channels of their group. They travel as one JSON text, because
# quoting arrays of thousands of texts takes the driver as long as all the rest.
INSERT: Final = """
INSERT INTO notification_history
    (signal_id, channel_id, channel_type, message_type, content, status, sent_at, metadata)
SELECT message.signal_id, channel.id, channel.type, message.type, message.content,
       channel.status, %(now)s, message.metadata || channel.extra::jsonb
FROM json_to_recordset(%(messages)s::json)
     AS message (signal_id uuid, type text, place integer, content text, metadata jsonb)
JOIN unnest(%(places)s::integer[], %(channel_ids)s::integer[],
            %(channel_types)s::text[], %(statuses)s::text[], %(extras)s::text[])
     AS channel (place, id, type, status, extra)
  ON channel.place = message.place
RETURNING id, channel_id, metadata ->> 'priority', signal_id, metadata ? 'held', sent_at,
          status
"""
# The index on status finds the few rows that wait among millions that were sent.
# Rows never tried go before retries, so a dead channel cannot hold up the others. A task
# that was made in the future was made before the clock was set back, and so are a claim
# or a next attempt that lie far ahead.
SWEEP: Final = """
WITH due AS (
    SELECT id, sent_at FROM notification_history
    CROSS JOIN LATERAL (
        SELECT coalesce(metadata ->> 'enqueued_at',
                        CASE status WHEN 'pending' THEN metadata ->> 'queued_at' END
               )::timestamptz AS made_at
    ) AS task
    WHERE status IN ('pending', 'retry')
      AND NOT metadata ?| ARRAY['held', 'collapsed_into']
      AND (NOT metadata ? 'claim'
           OR (metadata ->> 'claimed_at')::timestamptz < %(lease_over)s
           OR (metadata ->> 'claimed_at')::timestamptz > %(claim_ahead)s)
      AND (NOT metadata ? 'next_attempt_at'
           OR (metadata ->> 'next_attempt_at')::timestamptz <= %(now)s
           OR (metadata ->> 'next_attempt_at')::timestamptz > %(put_off)s)
      AND (made_at IS NULL OR made_at > %(future)s
           OR made_at < CASE metadata ->> 'priority'
                WHEN 'P0' THEN %(before_P0)s
                WHEN 'P1' THEN %(before_P1)s
                ELSE %(before_P2)s END)
    ORDER BY metadata ->> 'priority', status, id
    LIMIT %(limit)s
    FOR UPDATE OF notification_history SKIP LOCKED
)
UPDATE notification_history AS row
SET metadata = row.metadata || jsonb_build_object('enqueued_at', %(now_text)s::text)
FROM due WHERE row.id = due.id AND row.sent_at = due.sent_at
RETURNING row.id, row.channel_id, coalesce(row.metadata ->> 'priority', 'P2'),
          row.signal_id, false, row.sent_at
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written: the rows that wait, and what else is to be done for them.

    ``untils`` are the moments at which held rows are to be told; ``fan_out_id`` is
    the promise of the rows for further channels.
    """

    queued: list[Queued]
    untils: frozenset[datetime] = frozenset()
    fan_out_id: int | None = None


def notifications_record(
    *,
    messages: Sequence[Message],
    channels: Sequence[NotificationChannel],
    now: datetime,
    extra: Mapping[str, Any] | None = None,
    at_once: bool = False,
) -> list[Queued]:
    """Write one row for each message and channel that wants it.

    One statement, whatever their number; ``extra`` is added to the metadata;
    ``at_once`` overrides quiet hours and speed. Returns the rows that wait, held or
    not, but not those that are suppressed. Call it inside the transaction of what is
    announced.
    """
    plan = plan_made(messages, channels, now=now, at_once=at_once)
    return rows_insert(messages, plan, now, extra)


def messages_record(
    *,
    messages: Sequence[Message],
    channels: Sequence[NotificationChannel],
    now: datetime,
) -> Recorded:
    """Write rows as notifications_record does, but of a burst only one channel's each.

    The rows of its other channels are promised by a fan-out, which is stored in the
    same transaction: they are written by ``fan_out_apply``.
    """
    plan, later = fan_out_split(plan_made(messages, channels, now=now))
    rows = _insert(messages, plan, now, None)
    return Recorded(
        waiting(rows),
        frozenset(each.held_until for each in plan.placements if each.held_until),
        fan_out_record(later, [row[0] for row in rows], now) if later else None,
    )


def plan_made(
    messages: Sequence[Message],
    channels: Sequence[NotificationChannel],
    *,
    now: datetime,
    at_once: bool = False,
) -> Plan:
    """Return where ``messages`` go under what is on at ``now``."""
    return routing.plan(
        messages,
        targets_of(channels),
        circumstances(messages, now),
        now=now,
        at_once=at_once,
    )


def rows_insert(
    messages: Sequence[Message],
    plan: Plan,
    now: datetime,
    extra: Mapping[str, Any] | None = None,
) -> list[Queued]:
    """Insert ``messages`` where ``plan`` sends them, with ``extra`` for all.

    Returns the rows that wait, held or not.
    """
    return waiting(_insert(messages, plan, now, extra))


def _insert(
    messages: Sequence[Message],
    plan: Plan,
    now: datetime,
    extra: Mapping[str, Any] | None,
) -> list[tuple[Any, ...]]:
    if not plan.placements:
        return []
    if len(messages) >= COPY_MESSAGES:
        return burst_copy(messages, plan, now, extra or {})
    parameters: dict[str, Any] = {
        "now": now,
        "messages": _document(messages, plan, now.isoformat()),
        "places": [each.group for each in plan.placements],
        "channel_ids": [each.channel_id for each in plan.placements],
        "channel_types": [each.channel_type for each in plan.placements],
        "statuses": [each.status for each in plan.placements],
        "extras": [_extra(each, extra) for each in plan.placements],
    }
    return rows_of(INSERT, parameters)


def _extra(placement: Placement, extra: Mapping[str, Any] | None) -> str:
    return orjson.dumps(dict(placement.extra) | dict(extra or {})).decode()


def _document(messages: Sequence[Message], plan: Plan, queued_at: str) -> str:
    return orjson.dumps(
        [
            {
                "signal_id": message.signal_id,
                "type": message.message_type,
                "place": place,
                "content": message.content,
                "metadata": orjson.Fragment(message.metadata(queued_at)),
            }
            for message, place in zip(messages, plan.groups, strict=True)
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
        "claim_ahead": now + CLAIM_AHEAD,
        "put_off": now + PUT_OFF_AT_MOST,
        "future": now + CLOCKS_APART,
        "limit": SWEEP_LIMIT,
    }
    for priority in PRIORITIES:
        patience = sweep_patience(priority, lengths[priority])
        parameters[f"before_{priority}"] = now - patience
    with connection.cursor() as cursor:
        cursor.execute(SWEEP, parameters)
        return [Queued(*row) for row in cursor.fetchall()]

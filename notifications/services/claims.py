"""Claiming a notification, so that two workers can never both send it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from django.db import DEFAULT_DB_ALIAS, OperationalError
from django.utils.dateparse import parse_datetime

from btc_watcher.lib.redis_keys import PRIORITIES
from btc_watcher.lib.statements import rows_of
from notifications.messages import Message, content_body, facts_of, source_of
from notifications.models import NotificationChannel
from notifications.policy import CLAIM_AHEAD, CLOCKS_DIFFER, LEASE, PUT_OFF_AT_MOST
from notifications.transports.base import Outgoing
from notifications.written import since_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from notifications.written import Written

# A claim that is still there although its lease is over belongs to a worker that
# died between the claim and the outcome: whether the message went out is unknown. So
# does one from far ahead, and what is to be tried far ahead is due: the clock was wrong. What
# was released and given its task in one is due by whatever clock.
CLAIM_ANYWHERE: Final = """
WITH claimed AS (
UPDATE notification_history
SET retry_count = retry_count + (metadata ? 'claim')::integer,
    metadata = metadata
        || CASE WHEN metadata ? 'claim' THEN jsonb_build_object(
               'unknown_outcome', true, 'lost_at', metadata -> 'claimed_at')
           ELSE '{}' END
        || jsonb_build_object('claim', %(token)s::text, 'claimed_at', %(now_text)s::text)
WHERE id = %(id)s
  AND status IN ('pending', 'retry')
  AND NOT metadata ?| ARRAY['held', 'collapsed_into']
  AND (NOT metadata ? 'claim'
       OR (metadata ->> 'claimed_at')::timestamptz < %(lease_over)s
       OR (metadata ->> 'claimed_at')::timestamptz > %(claim_ahead)s)
  AND (NOT metadata ? 'next_attempt_at'
       OR metadata -> 'next_attempt_at' = metadata -> 'enqueued_at'
       OR (metadata ->> 'next_attempt_at')::timestamptz <= %(soon)s
       OR (metadata ->> 'next_attempt_at')::timestamptz > %(put_off)s)
RETURNING id, sent_at, signal_id, channel_id, message_type, content, retry_count,
          metadata
)
SELECT claimed.id, claimed.sent_at, claimed.signal_id, claimed.message_type,
       claimed.content, claimed.retry_count, claimed.metadata, channel.id, channel.name,
       channel.type, channel.enabled, channel.priority, channel.config,
       channel.rate_limit_config, channel.status
FROM claimed
LEFT JOIN notification_channels AS channel ON channel.id = claimed.channel_id
"""
# A row that waits keeps the time at which it was written, so one month is looked into.
CLAIM: Final = CLAIM_ANYWHERE.replace(
    "WHERE id = %(id)s",
    "WHERE id = %(id)s AND sent_at BETWEEN %(first)s AND %(last)s",
)
CHANNEL_FIELDS: Final = (
    "id",
    "name",
    "type",
    "enabled",
    "priority",
    "config",
    "rate_limit_config",
    "status",
)
# The row was moved to another month, which a worker does when it records "sent".
MOVED: Final = "40001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to send one notification until the lease is over.

    ``attempt`` counts from 1; ``metadata`` is the row's, the claim included.
    """

    id: int
    sent_at: datetime
    signal_id: UUID | None
    channel: NotificationChannel | None
    message_type: str
    content: str
    attempt: int
    token: str
    metadata: Mapping[str, Any]

    @property
    def priority(self) -> str:
        """P0, P1 or P2."""
        return str(self.metadata.get("priority", "P2"))

    @property
    def attempts_limit(self) -> int | None:
        """The attempts that this very notification may have (a test has one)."""
        limit = self.metadata.get("attempts_limit")
        return limit if isinstance(limit, int) else None

    @property
    def title(self) -> str:
        """The title, or the first line of what has none."""
        return str(self.metadata.get("title") or self.content.partition("\n")[0])

    @property
    def context(self) -> Mapping[str, Any]:
        """The message's context."""
        context = self.metadata.get("context")
        return context if isinstance(context, dict) else {}

    @property
    def lost(self) -> bool:
        """Tell whether a worker ended while it sent this: it may have arrived."""
        return "lost_at" in self.metadata

    @property
    def members(self) -> list[int]:
        """The ids of the notifications that this one tells of, if it is a digest."""
        members = self.metadata.get("digest_of")
        return members if isinstance(members, list) else []

    @property
    def members_since(self) -> datetime:
        """The moment before which no member of the digest was written."""
        return since_of(self.metadata.get("digest_since"))

    @property
    def message(self) -> Message:
        """The message as its sender made it."""
        title, content = source_of(self.content, self.metadata)
        return Message(
            message_type=self.message_type,
            priority=self.priority if self.priority in PRIORITIES else "P2",
            title=title or "-",
            body=content_body(content, title),
            signal_id=self.signal_id,
            context=self.context,
        )

    @property
    def outgoing(self) -> Outgoing:
        """The notification as transports see it."""
        title = self.title
        queued_at = parse_datetime(str(self.metadata.get("queued_at", "")))
        return Outgoing(
            id=self.id,
            title=title,
            body=content_body(self.content, title),
            priority=self.priority,
            message_type=self.message_type,
            queued_at=queued_at or self.sent_at,
            left=tuple(self.metadata.get("left", ())),
            context=facts_of(self.context),
        )


def notification_claim(
    *, notification_id: int, now: datetime, written: Written | None = None
) -> Claim | None:
    """Claim a notification that is due, with one statement outside any transaction.

    Returns None when it is not due, already settled, or in somebody's hands. Where it
    is not known when its row was ``written`` (a task of an earlier release), every
    month is looked into.
    """
    token = uuid.uuid4().hex
    parameters: dict[str, Any] = {
        "id": notification_id,
        "token": token,
        "soon": now + CLOCKS_DIFFER,
        "now_text": now.isoformat(),
        "lease_over": now - LEASE,
        "claim_ahead": now + CLAIM_AHEAD,
        "put_off": now + PUT_OFF_AT_MOST,
    }
    if written:
        parameters |= {"first": written.first, "last": written.last}
    try:
        rows = rows_of(CLAIM if written else CLAIM_ANYWHERE, parameters)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == MOVED:
            return None
        raise
    return _claim(rows[0], token) if rows else None


def _claim(row: tuple[Any, ...], token: str) -> Claim:
    identifier, sent_at, signal_id, message_type, content, retries, data = row[:7]
    return Claim(
        id=identifier,
        sent_at=sent_at,
        signal_id=signal_id,
        channel=_channel(row[7:]),
        message_type=message_type,
        content=content,
        attempt=retries + 1,
        token=token,
        metadata=orjson.loads(data),
    )


def _channel(row: tuple[Any, ...]) -> NotificationChannel | None:
    values = dict(zip(CHANNEL_FIELDS, row, strict=True))
    if values["id"] is None:
        return None
    for key in ("config", "rate_limit_config"):
        values[key] = orjson.loads(values[key])
    return NotificationChannel.from_db(
        DEFAULT_DB_ALIAS, list(values), list(values.values())
    )

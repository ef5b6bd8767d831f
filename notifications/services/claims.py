"""Claiming a notification, so that two workers can never both send it."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import OperationalError, connection, transaction
from django.utils.dateparse import parse_datetime

from notifications.messages import content_body
from notifications.models import NotificationChannel
from notifications.policy import LEASE
from notifications.transports.base import Outgoing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

# A claim that is still there although its lease is over belongs to a worker that
# died between the claim and the outcome: whether the message went out is unknown.
CLAIM: Final = """
UPDATE notification_history
SET retry_count = retry_count + (metadata ? 'claim')::integer,
    metadata = metadata
        || CASE WHEN metadata ? 'claim' THEN jsonb_build_object(
               'unknown_outcome', true, 'lost_at', metadata -> 'claimed_at')
           ELSE '{}' END
        || jsonb_build_object('claim', %(token)s::text, 'claimed_at', %(now_text)s::text)
WHERE id = %(id)s
  AND status IN ('pending', 'retry')
  AND (NOT metadata ? 'claim'
       OR (metadata ->> 'claimed_at')::timestamptz < %(lease_over)s)
  AND (NOT metadata ? 'next_attempt_at'
       OR (metadata ->> 'next_attempt_at')::timestamptz <= %(now)s)
RETURNING id, sent_at, signal_id, channel_id, message_type, content, retry_count,
          metadata
"""
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
    def outgoing(self) -> Outgoing:
        """The notification as transports see it."""
        title = str(self.metadata.get("title") or self.content.partition("\n")[0])
        queued_at = parse_datetime(str(self.metadata.get("queued_at", "")))
        return Outgoing(
            id=self.id,
            title=title,
            body=content_body(self.content, title),
            priority=self.priority,
            message_type=self.message_type,
            queued_at=queued_at or self.sent_at,
            left=tuple(self.metadata.get("left", ())),
        )


def notification_claim(*, notification_id: int, now: datetime) -> Claim | None:
    """Claim a notification that is due, in a transaction of its own.

    Returns None when it is not due, already settled, or in somebody's hands.
    """
    token = uuid.uuid4().hex
    parameters: dict[str, Any] = {
        "id": notification_id,
        "token": token,
        "now": now,
        "now_text": now.isoformat(),
        "lease_over": now - LEASE,
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(CLAIM, parameters)
            row = cursor.fetchone()
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == MOVED:
            return None
        raise
    return _claim(row, token) if row else None


def _claim(row: tuple[Any, ...], token: str) -> Claim:
    identifier, sent_at, signal_id, channel_id, message_type, content, retries, data = (
        row
    )
    return Claim(
        id=identifier,
        sent_at=sent_at,
        signal_id=signal_id,
        channel=NotificationChannel.objects.filter(id=channel_id).first(),
        message_type=message_type,
        content=content,
        attempt=retries + 1,
        token=token,
        metadata=json.loads(data),
    )

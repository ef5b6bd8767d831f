"""The last question before a message is sent: now, later, or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from django.db import connection
from django.utils.dateparse import parse_datetime

from notifications.policy import GRANT_LASTS
from notifications.receivers import Hold
from notifications.routing import Suppressed, suppression
from notifications.services.budgets import budget_take
from notifications.services.targets import circumstances, receiver

if TYPE_CHECKING:
    from datetime import datetime

    from notifications.models import NotificationChannel
    from notifications.services.claims import Claim

# What the next claim must know of a lost one stays.
HOLD: Final = """
UPDATE notification_history
SET metadata = (metadata - ARRAY['claim', 'claimed_at', 'enqueued_at', 'granted_at'])
               || %(held)s::jsonb
WHERE id = %(id)s AND sent_at = %(sent_at)s AND metadata ->> 'claim' = %(token)s
"""


def gate(
    claim: Claim, channel: NotificationChannel, now: datetime
) -> Hold | Suppressed | None:
    """Return what keeps a claimed notification from being sent now, or None.

    A test is sent in any case, but counts; what a person sends again has no quiet
    hours. Taking the budget is part of the answer None.
    """
    if claim.metadata.get("test"):
        return budget_take(channel, "P0", now=now, own=claim.id, force=True)
    if _granted(claim, now):
        return None
    if "resend_of" not in claim.metadata:
        if until := receiver(channel).quiet_until(claim.priority, now):
            return Hold(until, "quiet_hours")
        # A fresh row was looked at when it was written.
        if claim.attempt > 1 and (muted := _muted(claim, channel, now)):
            return muted
    return budget_take(channel, claim.priority, now=now, own=claim.id)


def claim_hold(claim: Claim, hold: Hold) -> None:
    """Give a claim back: the row waits for the flush that comes at the hold's end."""
    with connection.cursor() as cursor:
        cursor.execute(
            HOLD,
            {
                "id": claim.id,
                "sent_at": claim.sent_at,
                "token": claim.token,
                "held": json.dumps(hold.metadata()),
            },
        )


def _granted(claim: Claim, now: datetime) -> bool:
    granted_at = parse_datetime(str(claim.metadata.get("granted_at", "")))
    return granted_at is not None and abs(now - granted_at) < GRANT_LASTS


def _muted(
    claim: Claim, channel: NotificationChannel, now: datetime
) -> Suppressed | None:
    message = claim.message
    return suppression(message, channel.id, circumstances([message], now))

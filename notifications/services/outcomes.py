"""Recording what became of an attempt."""

from __future__ import annotations

import json
import logging
import random
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils.module_loading import import_string

from btc_watcher.lib.errors import TransportError
from notifications.models import NotificationChannel, NotificationStatus
from notifications.policy import ATTEMPTS_KEPT, Failure, after_failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notifications.services.claims import Claim
    from notifications.transports.base import Receipt

logger = logging.getLogger(__name__)

# sent_at is part of the key: naming the old one keeps the search in one month,
# and setting it to the time of delivery may move the row to another.
RECORD: Final = """
UPDATE notification_history
SET status = %(status)s, sent_at = %(sent_at)s, response_code = %(code)s,
    error_message = %(error)s, retry_count = %(retry_count)s,
    metadata = %(metadata)s::jsonb
WHERE id = %(id)s AND sent_at = %(old_sent_at)s AND metadata ->> 'claim' = %(token)s
"""
# Of one attempt, or of the claim: they do not outlive it.
PASSING: Final = (
    "claim",
    "claimed_at",
    "enqueued_at",
    "next_attempt_at",
    "lost_at",
    "left",
)
_chance = random.SystemRandom().random


class WithheldError(TransportError):
    """Nothing was sent, for a reason that says nothing about the channel's health."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an attempt led to: sent, retry (at ``next_attempt_at``) or failed.

    ``broken`` tells that the channel cannot work before somebody mends it.
    """

    status: str
    code: int | None
    detail: str
    error: str = ""
    next_attempt_at: datetime | None = None
    broken: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


def outcome_of_receipt(claim: Claim, receipt: Receipt, now: datetime) -> Outcome:
    """Return the outcome when the provider took the message, if only for some."""
    extra: dict[str, Any] = {"answer": receipt.detail, "message_id": receipt.message_id}
    # What was refused for good in an earlier attempt stays refused.
    refused = dict(claim.metadata.get("refused") or {}) | dict(receipt.refused or {})
    told = "; ".join(f"{who}: {why}" for who, why in refused.items())
    error = f"Not accepted for every recipient. {told}" if refused else ""
    if refused:
        extra["refused"] = refused
    if receipt.left:
        decision = after_failure(
            Failure(limit=claim.attempts_limit),
            priority=claim.priority,
            attempts=claim.attempt,
            now=now,
            chance=_chance(),
        )
        if decision.status == NotificationStatus.RETRY:
            extra["left"] = list(receipt.left)
            return Outcome(
                status=NotificationStatus.RETRY,
                code=receipt.code,
                detail=receipt.detail,
                error=error,
                next_attempt_at=decision.next_attempt_at,
                extra=extra,
            )
    return Outcome(
        status=NotificationStatus.SENT,
        code=receipt.code,
        detail=receipt.detail,
        error=error,
        extra=extra,
    )


def outcome_of_error(claim: Claim, error: TransportError, now: datetime) -> Outcome:
    """Return the outcome when the provider did not take the message."""
    decision = after_failure(
        Failure(
            permanent=error.permanent,
            retry_after=error.retry_after,
            limit=claim.attempts_limit,
        ),
        priority=claim.priority,
        attempts=claim.attempt,
        now=now,
        chance=_chance(),
    )
    left = claim.metadata.get("left")
    status = decision.status
    if left and status == NotificationStatus.FAILED:
        # An earlier attempt reached the other recipients.
        status = NotificationStatus.SENT
    return Outcome(
        status=status,
        code=error.code,
        detail=error.message,
        error=error.message,
        next_attempt_at=decision.next_attempt_at,
        broken=status == NotificationStatus.FAILED
        and error.permanent
        and not isinstance(error, WithheldError),
        extra={"left": left} if left and decision.next_attempt_at else {},
    )


def notification_outcome_record(
    *, claim: Claim, outcome: Outcome, now: datetime
) -> bool:
    """Store an outcome in one transaction, and tell the handlers of a delivery.

    Returns False when the claim was lost to another worker, which has then
    recorded, or will record, an outcome of its own.
    """
    settled = outcome.status == NotificationStatus.SENT
    sent_at = now if settled else claim.sent_at
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                RECORD,
                {
                    "status": outcome.status,
                    "sent_at": sent_at,
                    "code": outcome.code,
                    "error": outcome.error or None,
                    "retry_count": claim.attempt - 1 + (outcome.status == "retry"),
                    "metadata": json.dumps(_metadata(claim, outcome, now)),
                    "id": claim.id,
                    "old_sent_at": claim.sent_at,
                    "token": claim.token,
                },
            )
            if not cursor.rowcount:
                logger.warning(
                    "Notification %d was taken over by another worker before its"
                    " outcome (%s) was recorded.",
                    claim.id,
                    outcome.status,
                )
                return False
        _channel_note(claim, outcome, now)
        if settled:
            _handlers_tell(claim, sent_at)
    return True


def _metadata(claim: Claim, outcome: Outcome, now: datetime) -> dict[str, Any]:
    attempts = list(claim.metadata.get("attempts", ()))
    if lost_at := claim.metadata.get("lost_at"):
        attempts.append(
            {
                "at": lost_at,
                "outcome": "unknown",
                "code": None,
                "detail": "The worker ended before it recorded an outcome.",
            }
        )
    attempts.append(
        {
            "at": now.isoformat(),
            "outcome": outcome.status,
            "code": outcome.code,
            "detail": outcome.detail,
        }
    )
    kept = {key: claim.metadata[key] for key in claim.metadata if key not in PASSING}
    if outcome.next_attempt_at:
        kept["next_attempt_at"] = outcome.next_attempt_at.isoformat()
    return kept | outcome.extra | {"attempts": attempts[-ATTEMPTS_KEPT:]}


def _channel_note(claim: Claim, outcome: Outcome, now: datetime) -> None:
    """Write the channel's health, but only where it changes: its row is shared."""
    if claim.channel is None:
        return
    if outcome.status == NotificationStatus.SENT:
        status = NotificationChannel.Status.HEALTHY
    elif outcome.broken:
        status = NotificationChannel.Status.ERROR
    else:
        return
    NotificationChannel.objects.filter(id=claim.channel.id).exclude(
        status=status
    ).update(status=status, updated_at=now)


def _handlers_tell(claim: Claim, sent_at: datetime) -> None:
    if claim.signal_id is None or claim.channel is None:
        return
    for path in settings.NOTIFICATION_OUTCOME_HANDLERS:
        try:
            with transaction.atomic():
                _handler(path)(
                    signal_id=claim.signal_id,
                    channel_name=claim.channel.name,
                    sent_at=sent_at,
                )
        except (InterfaceError, OperationalError):
            # The database is away or wants the transaction again: all of it.
            raise
        except Exception:
            # The message is out. Losing that fact would send it once more.
            logger.exception(
                "%s failed for notification %d; the delivery is recorded without it.",
                path,
                claim.id,
            )


@cache
def _handler(path: str) -> Callable[..., None]:
    handler: Callable[..., None] = import_string(path)
    return handler

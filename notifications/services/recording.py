"""Recording what became of an attempt, with all that follows from it."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import orjson
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils.module_loading import import_string

from btc_watcher.lib.statements import rows_of
from notifications.models import NotificationChannel, NotificationStatus
from notifications.policy import ATTEMPTS_KEPT
from notifications.queues import deliver_after_commit
from notifications.services.disabling import channel_config_follow, channel_disable
from notifications.services.fallbacks import fallback_record
from notifications.services.members import members_settle, members_signals
from notifications.services.outcomes import once_at_most

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notifications.services.claims import Claim
    from notifications.services.outcomes import Outcome

logger = logging.getLogger(__name__)

# sent_at is part of the key: naming the old one keeps the search in one month,
# and setting it to the time of delivery may move the row to another.
RECORD: Final = """
UPDATE notification_history
SET status = %(status)s, sent_at = %(sent_at)s, response_code = %(code)s,
    error_message = %(error)s, retry_count = %(retry_count)s,
    content = %(content)s, metadata = %(metadata)s::jsonb
WHERE id = %(id)s AND sent_at = %(old_sent_at)s AND metadata ->> 'claim' = %(token)s
RETURNING id
"""
# Of one attempt, or of the claim: they do not outlive it.
PASSING: Final = (
    "claim",
    "claimed_at",
    "enqueued_at",
    "next_attempt_at",
    "granted_at",
    "lost_at",
    "left",
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
    parameters = {
        "status": outcome.status,
        "sent_at": sent_at,
        "code": outcome.code,
        "error": outcome.error or None,
        "retry_count": claim.attempt - 1 + (outcome.status == "retry"),
        "content": claim.content,
        "metadata": orjson.dumps(_metadata(claim, outcome, now), default=str).decode(),
        "id": claim.id,
        "old_sent_at": claim.sent_at,
        "token": claim.token,
    }
    # Without anything beside it the statement is a transaction of its own.
    with transaction.atomic() if _has_consequences(claim, outcome) else nullcontext():
        if not rows_of(RECORD, parameters):
            logger.warning(
                "Notification %d was taken over by another worker before its"
                " outcome (%s) was recorded.",
                claim.id,
                outcome.status,
            )
            return False
        _channel_note(claim, outcome, now)
        if outcome.final and claim.members:
            members_settle(claim, outcome, sent_at)
        if settled:
            _handlers_tell(claim, sent_at)
        elif outcome.final and not _may_have_arrived(claim, outcome):
            deliver_after_commit(fallback_record(claim, outcome, now))
    return True


def _has_consequences(claim: Claim, outcome: Outcome) -> bool:
    return (
        outcome.status == NotificationStatus.FAILED
        or bool(claim.signal_id or claim.members or outcome.config_update)
        or _status_new(claim, outcome) is not None
    )


def _may_have_arrived(claim: Claim, outcome: Outcome) -> bool:
    """Tell whether the operator would rather miss a message than have it twice."""
    return outcome.unknown and claim.channel is not None and once_at_most(claim.channel)


def _status_new(claim: Claim, outcome: Outcome) -> str | None:
    """Return what the channel's status has to become, or None where it is that."""
    if outcome.status == NotificationStatus.SENT:
        status = NotificationChannel.Status.HEALTHY
    elif outcome.broken:
        status = NotificationChannel.Status.ERROR
    else:
        return None
    return status if claim.channel and claim.channel.status != status else None


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
    attempt: dict[str, Any] = {
        "at": now.isoformat(),
        "outcome": outcome.status,
        "code": outcome.code,
        "detail": outcome.detail,
    }
    if outcome.way:
        attempt["way"] = dict(outcome.way)
    if outcome.body:
        attempt["provider"] = {"code": outcome.code, "body": outcome.body}
    attempts.append(attempt)
    kept = {key: claim.metadata[key] for key in claim.metadata if key not in PASSING}
    if outcome.next_attempt_at:
        kept["next_attempt_at"] = outcome.next_attempt_at.isoformat()
    return kept | outcome.extra | {"attempts": attempts[-ATTEMPTS_KEPT:]}


def _channel_note(claim: Claim, outcome: Outcome, now: datetime) -> None:
    """Write the channel's health, but only where it changes: its row is shared."""
    if claim.channel is None:
        return
    if outcome.config_update:
        channel_config_follow(claim.channel.id, outcome.config_update)
    if outcome.disables:
        channel_disable(claim.channel, outcome.error, now)
        return
    if status := _status_new(claim, outcome):
        NotificationChannel.objects.filter(id=claim.channel.id).exclude(
            status=status
        ).update(status=status, updated_at=now)


def _handlers_tell(claim: Claim, sent_at: datetime) -> None:
    signal_ids = [claim.signal_id] if claim.signal_id else members_signals(claim)
    if not signal_ids or claim.channel is None:
        return
    for path in settings.NOTIFICATION_OUTCOME_HANDLERS:
        try:
            with transaction.atomic():
                _handler(path)(
                    signal_ids=signal_ids,
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

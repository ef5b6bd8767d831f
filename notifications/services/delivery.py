"""Record, try, outcome: one notification after another, outside any transaction."""

from __future__ import annotations

import logging
import time
import traceback
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from btc_watcher.lib.errors import TransportError
from notifications.models import NotificationStatus
from notifications.policy import LEASE, TASK_SECONDS, attempts_exhausted
from notifications.services.claims import Claim, notification_claim
from notifications.services.outcomes import (
    Outcome,
    WithheldError,
    notification_outcome_record,
    outcome_of_error,
    outcome_of_receipt,
)
from notifications.transports import transport_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notifications.models import NotificationChannel
    from notifications.transports.base import Receipt

logger = logging.getLogger(__name__)

RECORD_PAUSE = 0.5


def notifications_deliver(
    *, ids: Sequence[int], seconds: float = TASK_SECONDS
) -> list[int]:
    """Deliver one after another; return those for which ``seconds`` did not suffice.

    The first is always tried. What cannot be claimed is passed over.
    """
    started = time.monotonic()
    for position, notification_id in enumerate(ids):
        if position and time.monotonic() - started > seconds:
            return list(ids[position:])
        notification_deliver(notification_id=notification_id)
    return []


def notification_deliver(*, notification_id: int) -> Outcome | None:
    """Claim, send and record one notification; None when it was not ours to send."""
    claimed_at = time.monotonic()
    claim = notification_claim(notification_id=notification_id, now=timezone.now())
    if claim is None:
        return None
    try:
        receipt = _send(claim)
    except TransportError as error:
        outcome = outcome_of_error(claim, error, timezone.now())
    else:
        outcome = outcome_of_receipt(claim, receipt, timezone.now())
    _record_until(claim, outcome, claimed_at + LEASE.total_seconds())
    _tell(claim, outcome)
    return outcome


def _send(claim: Claim) -> Receipt:
    channel = _channel(claim)
    try:
        return transport_of(channel.type).send(channel, claim.outgoing)
    except TransportError:
        raise
    except Exception as error:  # noqa: BLE001 - a transport's own mistake must end in a stored outcome
        # Only where it happened: the text of a foreign error may hold a secret.
        where = "".join(traceback.format_tb(error.__traceback__)[-3:])
        logger.error(  # noqa: TRY400 - see above
            "Transport %s failed with %s:\n%s",
            channel.type,
            type(error).__name__,
            where,
        )
        raise TransportError(
            f"The transport {channel.type} failed with {type(error).__name__};"
            " the log says where."
        ) from None


def _channel(claim: Claim) -> NotificationChannel:
    """Return the channel to send through, or raise why nothing can be sent."""
    channel = claim.channel
    if channel is None:
        raise WithheldError("The channel of this notification is gone.", permanent=True)
    if not channel.enabled and not claim.metadata.get("test"):
        raise WithheldError(
            f"Channel {channel.name!r} was switched off before this was sent.",
            permanent=True,
        )
    # A message that ends its worker each time must not be tried for ever.
    if attempts_exhausted(
        priority=claim.priority, attempts=claim.attempt - 1, limit=claim.attempts_limit
    ):
        raise WithheldError(
            f"{claim.attempt - 1} workers ended while they sent this. It is given up;"
            " look for what ended them.",
            permanent=True,
        )
    return channel


def _record_until(claim: Claim, outcome: Outcome, deadline: float) -> None:
    """Record, and keep trying while the database restarts and the lease lasts.

    The message may be out already: giving up early would send it again.
    """
    while True:
        try:
            notification_outcome_record(
                claim=claim, outcome=outcome, now=timezone.now()
            )
        except (InterfaceError, OperationalError):
            if connection.in_atomic_block or time.monotonic() > deadline:
                raise
            logger.warning(
                "The database did not take the outcome (%s) of notification %d yet.",
                outcome.status,
                claim.id,
            )
            connection.close()
            time.sleep(RECORD_PAUSE)
        else:
            return


def _tell(claim: Claim, outcome: Outcome) -> None:
    channel = claim.channel.name if claim.channel else "?"
    if outcome.status == NotificationStatus.FAILED:
        logger.error(
            "Notification %d to channel %s failed after %d attempts: %s",
            claim.id,
            channel,
            claim.attempt,
            outcome.error,
        )
    elif outcome.error:
        logger.warning(
            "Notification %d to channel %s, attempt %d: %s",
            claim.id,
            channel,
            claim.attempt,
            outcome.error,
        )

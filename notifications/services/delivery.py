"""Record, try, outcome: one notification after another, outside any transaction."""

from __future__ import annotations

import contextlib
import logging
import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from btc_watcher.lib.errors import TransportError
from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.models import NotificationStatus
from notifications.policy import LEASE, TASK_SECONDS, attempts_exhausted
from notifications.queues import flush_soon
from notifications.receivers import Hold
from notifications.routing import Suppressed
from notifications.services.claims import Claim, notification_claim
from notifications.services.gate import claim_hold, gate
from notifications.services.outcomes import (
    Outcome,
    SuppressedError,
    WithheldError,
    once_at_most,
    outcome_of_error,
    outcome_of_receipt,
    switched_off,
)
from notifications.services.recording import notification_outcome_record
from notifications.services.telling import claim_told, in_words_of, outgoing_of
from notifications.transports import transport_of
from proxies.dispatch import proxy_test_soon

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from notifications.models import NotificationChannel
    from notifications.transports.routes import Way
    from notifications.written import Written

logger = logging.getLogger(__name__)

RECORD_PAUSE = 0.5


def notifications_deliver(
    *,
    ids: Sequence[int],
    written: Written | None = None,
    seconds: float = TASK_SECONDS,
) -> list[int]:
    """Deliver one after another; return those for which ``seconds`` did not suffice.

    The first is always tried. What cannot be claimed is passed over. Without
    ``written`` each is looked for in every month.
    """
    started = time.monotonic()
    for position, notification_id in enumerate(ids):
        if position and time.monotonic() - started > seconds:
            return list(ids[position:])
        notification_deliver(notification_id=notification_id, written=written)
    return []


def notification_deliver(
    *, notification_id: int, written: Written | None = None
) -> Outcome | None:
    """Claim, send and record one notification, whose row is among those ``written``.

    Returns None when it was not ours to send, or has to wait.
    """
    claimed_at = time.monotonic()
    claim = notification_claim(
        notification_id=notification_id, now=timezone.now(), written=written
    )
    if claim is None:
        return None
    way: Way | None = None
    try:
        channel = _channel(claim)
        with _own_mistakes("The message could not be made ready:"):
            _let_through(claim, channel)
            claim = claim_told(claim, channel)
            way = transport_of(channel.type).way(channel)
        with _own_mistakes(f"The transport {channel.type} failed:"), in_words_of(claim):
            receipt = transport_of(channel.type).send(
                channel, outgoing_of(claim, channel), way
            )
    except NotNow as wait:
        claim_hold(claim, wait.hold)
        if claim.priority == PRIORITIES[0]:
            flush_soon(wait.hold.until)
        return None
    except TransportError as error:
        outcome = outcome_of_error(claim, error, timezone.now())
    else:
        outcome = outcome_of_receipt(claim, receipt, timezone.now())
    outcome = replace(outcome, way=way.told if way else {})
    _record_until(claim, outcome, claimed_at + LEASE.total_seconds())
    _tell(claim, outcome)
    if way and way.proxy_id and outcome.cause:
        # Whether the proxy is to blame is for a test to say.
        proxy_test_soon(way.proxy_id, "retry")
    return outcome


class NotNow(Exception):  # noqa: N818 - not an error
    """The message has to wait."""

    def __init__(self, hold: Hold) -> None:
        super().__init__(hold.why)
        self.hold = hold


def _let_through(claim: Claim, channel: NotificationChannel) -> None:
    """Raise what keeps the message from being sent now."""
    match gate(claim, channel, timezone.now()):
        case Hold() as hold:
            raise NotNow(hold)
        case Suppressed() as suppressed:
            raise SuppressedError(suppressed)


@contextlib.contextmanager
def _own_mistakes(what: str) -> Iterator[None]:
    """Turn whatever nobody has foreseen into a temporary TransportError.

    Without a stored outcome the claim would look like that of a worker that died while
    it sent, and the rest of the chunk would wait for the sweeper.
    """
    try:
        yield
    except (TransportError, NotNow):
        raise
    except Exception as error:  # noqa: BLE001 - a mistake of ours must end in a stored outcome
        # Only where it happened: the text of a foreign error may hold a secret.
        where = "".join(traceback.format_tb(error.__traceback__)[-3:])
        logger.error("%s %s\n%s", what, type(error).__name__, where)  # noqa: TRY400 - see above
        raise TransportError(
            f"{what} {type(error).__name__}. The log says where."
        ) from None


def _channel(claim: Claim) -> NotificationChannel:
    """Return the channel to send through, or raise why nothing can be sent."""
    channel = claim.channel
    if channel is None:
        raise WithheldError("The channel of this notification is gone.", permanent=True)
    if not channel.enabled and not claim.metadata.get("test"):
        raise WithheldError(switched_off(channel), permanent=True)
    if claim.lost and once_at_most(channel):
        raise WithheldError(
            "Unknown outcome: the worker ended while it sent this. Whether it arrived"
            " is not known, and this channel is set to send at most once.",
            permanent=True,
            unknown=True,
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
    if "suppressed" in outcome.extra:
        logger.info("Notification %d: %s", claim.id, outcome.error)
    elif outcome.status == NotificationStatus.FAILED:
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

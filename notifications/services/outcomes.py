"""What an attempt led to, decided from the provider's answer or its refusal."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from btc_watcher.lib.errors import TransportError
from notifications.models import NotificationChannel, NotificationStatus
from notifications.policy import Decision, Failure, after_failure
from notifications.transports import TRANSPORTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from notifications.routing import Suppressed
    from notifications.services.claims import Claim
    from notifications.transports.base import Receipt

_chance = random.SystemRandom().random
# What a provider's answer says word for word is kept in any case.
LARGEST_CODE: Final = 2**31 - 1


class WithheldError(TransportError):
    """Nothing was sent, for a reason that says nothing about the channel's health."""


class SuppressedError(WithheldError):
    """Nothing was sent, because a silence or an open alert says so."""

    def __init__(self, suppressed: Suppressed) -> None:
        super().__init__(
            f"Suppressed: {suppressed.because} {suppressed.by}.", permanent=True
        )
        self.suppressed = suppressed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an attempt led to: sent, retry (at ``next_attempt_at``) or failed.

    ``broken`` tells that the channel cannot work before somebody mends it, and
    ``disables`` that it is to be switched off; ``unknown`` that the message may have
    arrived. ``body`` is the provider's answer word for word, ``config_update`` what
    it has changed in the channel's configuration. ``way`` tells the proxy that was
    taken and why (empty: no proxy is asked for), ``cause`` why there was no answer.
    """

    status: str
    code: int | None
    detail: str
    error: str = ""
    body: str = ""
    next_attempt_at: datetime | None = None
    broken: bool = False
    disables: bool = False
    unknown: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    config_update: Mapping[str, Any] = field(default_factory=dict)
    way: Mapping[str, object] = field(default_factory=dict)
    cause: str = ""

    def __post_init__(self) -> None:
        """Leave out a code that no column holds: the row would never be recorded."""
        if self.code is not None and abs(self.code) > LARGEST_CODE:
            object.__setattr__(self, "code", None)

    @property
    def final(self) -> bool:
        """Tell whether nothing more will be tried."""
        return self.status != NotificationStatus.RETRY


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
                body=receipt.body,
                next_attempt_at=decision.next_attempt_at,
                extra=extra,
                config_update=receipt.config_update or {},
            )
    return Outcome(
        status=NotificationStatus.SENT,
        code=receipt.code,
        detail=receipt.detail,
        error=error,
        body=receipt.body,
        extra=extra,
        config_update=receipt.config_update or {},
    )


def outcome_of_error(claim: Claim, error: TransportError, now: datetime) -> Outcome:
    """Return the outcome when the provider did not take the message."""
    once = error.unknown and claim.channel is not None and once_at_most(claim.channel)
    decision = after_failure(
        Failure(
            permanent=error.permanent or once,
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
    failed_for_good = status == NotificationStatus.FAILED and error.permanent
    ours = isinstance(error, WithheldError)
    return Outcome(
        status=status,
        code=error.code,
        detail=error.message,
        error=_unknown_told(error.message) if once and not ours else error.message,
        body=error.body,
        next_attempt_at=decision.next_attempt_at,
        broken=failed_for_good and not ours,
        disables=failed_for_good and error.disables,
        unknown=error.unknown or claim.lost,
        cause=error.cause,
        extra=_error_extra(claim, error, decision),
    )


def _error_extra(
    claim: Claim, error: TransportError, decision: Decision
) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if isinstance(error, SuppressedError):
        extra |= error.suppressed.metadata()
    if error.unknown:
        extra["unknown_outcome"] = True
    if decision.next_attempt_at and (left := claim.metadata.get("left")):
        extra["left"] = left
    return extra


def _unknown_told(message: str) -> str:
    return (
        f"Unknown outcome: {message} Whether it arrived is not known, and this channel"
        " is set to send at most once."
    )


def once_at_most(channel: NotificationChannel) -> bool:
    """Tell whether a message that may have arrived must not be sent again.

    The operator chose so, and the provider would not recognise a repetition.
    """
    if channel.config.get("at_most_once") is not True:
        return False
    transport = TRANSPORTS.get(channel.type)
    return transport is None or not transport.is_idempotent(channel.config)


def switched_off(channel: NotificationChannel) -> str:
    """Return the sentence that a channel is off, and why when it was not a person."""
    disabled = channel.config.get("disabled")
    why = f" {disabled.get('reason', '')}" if isinstance(disabled, dict) else ""
    return f"Channel {channel.name!r} was switched off before this was sent.{why}"

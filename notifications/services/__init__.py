"""Writing: channels, the outbox, and the outcome of deliveries."""

from __future__ import annotations

from notifications.services.channels import (
    ChannelTestResult,
    channel_config_check,
    channel_config_shown,
    channel_create,
    channel_test,
    channel_update,
)
from notifications.services.claims import Claim, notification_claim
from notifications.services.delivery import notification_deliver, notifications_deliver
from notifications.services.outbox import notifications_record, notifications_sweep
from notifications.services.outcomes import Outcome, notification_outcome_record

__all__ = [
    "ChannelTestResult",
    "Claim",
    "Outcome",
    "channel_config_check",
    "channel_config_shown",
    "channel_create",
    "channel_test",
    "channel_update",
    "notification_claim",
    "notification_deliver",
    "notification_outcome_record",
    "notifications_deliver",
    "notifications_record",
    "notifications_sweep",
]

"""Writing: channels, the outbox, and the outcome of deliveries."""

from __future__ import annotations

from notifications.services.alerts import (
    AlertResult,
    alert_raise,
    alert_resolve,
    alerts_repeat,
)
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
from notifications.services.fan_outs import fan_out_apply, fan_outs_overdue
from notifications.services.flushing import flush_moments, notifications_flush
from notifications.services.outbox import (
    Recorded,
    messages_record,
    notifications_record,
    notifications_sweep,
)
from notifications.services.outcomes import Outcome
from notifications.services.preview import Explained, channels_explain
from notifications.services.recording import notification_outcome_record
from notifications.services.resend import message_of, notification_resend
from notifications.services.silences import matcher_check, silence_create, silence_end

__all__ = [
    "AlertResult",
    "ChannelTestResult",
    "Claim",
    "Explained",
    "Outcome",
    "Recorded",
    "alert_raise",
    "alert_resolve",
    "alerts_repeat",
    "channel_config_check",
    "channel_config_shown",
    "channel_create",
    "channel_test",
    "channel_update",
    "channels_explain",
    "fan_out_apply",
    "fan_outs_overdue",
    "flush_moments",
    "matcher_check",
    "message_of",
    "messages_record",
    "notification_claim",
    "notification_deliver",
    "notification_outcome_record",
    "notification_resend",
    "notifications_deliver",
    "notifications_flush",
    "notifications_record",
    "notifications_sweep",
    "silence_create",
    "silence_end",
]

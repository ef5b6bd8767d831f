"""What the API of notifications answers, described for its schema."""

from __future__ import annotations

from typing import Final

from rest_framework import serializers

from btc_watcher.lib.api.answers import (
    anything,
    flag,
    many,
    moment,
    rows,
    shape,
    text,
    whatever,
    whole,
)

_NOTIFICATION: Final = {
    "id": whole(),
    "time": moment("When it was written, and once it is sent, when it was."),
    "priority": text("P0 (the most urgent) to P2."),
    "type": text("signal, alert or system."),
    "title": text(),
    "channel": whole("Null when the channel is gone.", null=True),
    "channel_name": text(),
    "channel_type": text(),
    "status": text("pending, retry, sent or failed."),
    "state": text("The status, or held, collapsed or suppressed."),
    "why": text("Why it is held or suppressed."),
    "until": moment("When it is tried next.", null=True),
    "answer": text("What the provider said."),
    "tries": whole(),
    "signal": serializers.UUIDField(allow_null=True),
    "test": flag(),
}
NOTIFICATION = shape("Notification", "A message to one channel.", _NOTIFICATION)
NOTIFICATION_DETAIL = shape(
    "NotificationDetail",
    "A message with every attempt and what hangs on it.",
    {
        **_NOTIFICATION,
        "body": text(),
        "attempts": many(
            shape(
                "NotificationAttempt",
                "One try.",
                {
                    "at": moment(null=True),
                    "outcome": text(),
                    "words": text(),
                    "code": whatever("The provider's, or the HTTP status."),
                    "detail": text(),
                    "body": text("The provider's answer word for word."),
                    "way": text("Through which proxy."),
                },
            )
        ),
        "related": rows("Notifications that it stands for or that stand for it."),
        "members": whole("How many it tells of, when it is a digest."),
        "unknown": flag("Whether nobody can know if it arrived."),
        "resend_by": text(),
    },
)
RESENT = shape("Resent", "The row that is sent.", {"id": whole()})
_CHANNEL: Final = {
    "id": whole(),
    "name": text(),
    "type": text(),
    "enabled": flag(),
    "priority": whole("1 is the first."),
    "config": anything("Without its secrets."),
    "secrets": serializers.ListField(
        child=serializers.CharField(), help_text="Which secrets are set."
    ),
    "rate_limit_config": anything(),
    "status": text("healthy, error or unknown."),
    "disabled": text("Why it was switched off by itself."),
    "last_test_time": moment(null=True),
    "created_at": moment(),
    "updated_at": moment(),
}
CHANNEL = shape("Channel", "A configured way to reach people.", _CHANNEL)
CHANNEL_DETAIL = shape(
    "ChannelDetail",
    "A channel and how it is doing.",
    {
        **_CHANNEL,
        "last_sent": moment(null=True),
        "failed_today": whole("At most 1,000 are counted."),
        "quiet_until": moment(null=True),
        "budget": rows("Of each limit: seconds, most and used."),
    },
)
TESTED = shape(
    "ChannelTested",
    "What became of the test message.",
    {
        "ok": flag("Whether the provider's own answer says so."),
        "code": whole(null=True),
        "answer": text(null=True),
        "body": text("The provider's answer word for word."),
        "notification": whole("Its row in the history."),
    },
)
SILENCE = shape(
    "Silence",
    "From when to when messages that fit are stored and not sent.",
    {
        "id": whole(),
        "matcher": anything("What it covers; empty is everything."),
        "reason": text(),
        "created_by": text(),
        "starts_at": moment(),
        "ends_at": moment(),
        "state": text("active, coming or ended."),
    },
)
ALERT = shape(
    "Alert",
    "Something that is wrong until it is resolved.",
    {
        "id": whole(),
        "key": text("What it is about; silences may name it."),
        "priority": text(),
        "title": text(),
        "body": text(),
        "context": anything(),
        "since": moment(),
        "resolved_at": moment("Null while it lasts.", null=True),
        "last_told_at": moment(null=True),
        "told_count": whole(),
    },
)
EXPLAINED = shape(
    "Explained",
    "For every channel whether it would get the message now, and why.",
    {
        "title": text(),
        "quiet": text("Why nobody at all is told of the signal."),
        "results": many(
            shape(
                "ExplainedChannel",
                "One channel.",
                {
                    "channel": whole(),
                    "name": text(),
                    "wanted": flag("Whether its rules want it."),
                    "verdict": text("now, later or no."),
                    "code": text(),
                    "words": text(),
                    "until": moment("When it would go out.", null=True),
                },
            )
        ),
    },
)

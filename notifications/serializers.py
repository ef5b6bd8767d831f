"""What the API of notifications takes and gives; a secret is only ever taken."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import serializers

from btc_watcher.lib.api.moments import AwareField, WindowQuery, moment_text
from btc_watcher.lib.api.paging import PageQuery
from btc_watcher.lib.api.strict import only_known
from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.history import STATES
from notifications.messages import said
from notifications.models import ChannelType, MessageType
from notifications.saying import language_of_reader
from notifications.services import channel_config_shown
from notifications.shown import Shown, shown
from notifications.transports import SECRET_FIELDS

if TYPE_CHECKING:
    from datetime import datetime

    from notifications.models import (
        Alert,
        Notification,
        NotificationChannel,
        NotificationSilence,
    )
    from notifications.standing import Standing

LARGEST_ID = 2**31 - 1


class HistoryQuery(PageQuery, WindowQuery):
    """Which notifications."""

    state = serializers.ChoiceField(required=False, choices=list(STATES))
    channel = serializers.IntegerField(
        required=False, min_value=1, max_value=LARGEST_ID
    )
    priority = serializers.ChoiceField(required=False, choices=list(PRIORITIES))
    type = serializers.ChoiceField(required=False, choices=MessageType.values)
    text = serializers.CharField(
        required=False,
        max_length=100,
        help_text="Words of the message or the strategy's name, a signal's id, or #number.",
    )


class AlertsQuery(PageQuery, WindowQuery):
    """Which alerts: those that are open, and those that ended in the period."""

    span: ClassVar[timedelta] = timedelta(days=7)

    open = serializers.BooleanField(
        required=False, default=False, help_text="Only those that are open."
    )


class SilencesQuery(PageQuery):
    """Which silences."""

    ended = serializers.BooleanField(
        required=False, default=False, help_text="Also those of the last 30 days."
    )


class ExplainQuery(serializers.Serializer[Any]):
    """Which message: that of a signal, or of a notification. Give one of them."""

    signal = serializers.UUIDField(required=False)
    notification = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse none and both."""
        if len(attrs) != 1:
            raise serializers.ValidationError(
                _("Give signal or notification, one of them.")
            )
        return attrs


class ChannelSerializer(serializers.Serializer[Any]):
    """The fields of a channel as they are written; its transport says what config holds.

    Secrets in ``config`` are given in clear. When a channel is changed, ``config``
    replaces the whole configuration, but a secret that it lacks keeps its value, and one
    that is null is removed.
    """

    name = serializers.CharField(max_length=50)
    type = serializers.ChoiceField(
        choices=ChannelType.choices, help_text="Cannot be changed afterwards."
    )
    enabled = serializers.BooleanField(required=False)
    priority = serializers.IntegerField(
        required=False, min_value=-(2**31), max_value=LARGEST_ID
    )
    config = serializers.DictField()
    rate_limit_config = serializers.DictField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what is no field: a misspelled one would be lost in silence."""
        return only_known(self, attrs)


class ChannelUpdateSerializer(ChannelSerializer):
    """What can be changed of a channel."""

    type = None  # type: ignore[assignment]


class SilenceSerializer(serializers.Serializer[Any]):
    """A silence; it begins now unless ``starts_at`` says otherwise."""

    matcher = serializers.DictField(
        required=False,
        help_text="Lists: message_types, priorities, channels, keys, strategies, pairs,"
        " types, timeframes, levels. Empty: everything.",
    )
    reason = serializers.CharField(max_length=1_000)
    starts_at = AwareField(required=False)
    ends_at = AwareField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what is no field: a misspelled one would be lost in silence."""
        now = timezone.now()
        return {"matcher": {}, "starts_at": now} | only_known(self, attrs)


def notification_shape(row: Notification) -> dict[str, Any]:
    """Return a row of the history."""
    return _notification(row, shown(row))


def notification_detail_shape(row: Notification) -> dict[str, Any]:
    """Return a row with every attempt."""
    found = shown(row)
    return _notification(row, found) | {
        "body": found.body,
        "attempts": [
            {
                "at": moment_text(each.at),
                "outcome": each.outcome,
                "words": each.words,
                "code": each.code,
                "detail": each.detail,
                "body": each.body,
                "way": each.way,
            }
            for each in found.attempts
        ],
        "related": [{"id": each.id, "words": each.words} for each in found.related],
        "members": found.members,
        "unknown": found.unknown,
        "resend_by": found.resend_by,
    }


def _notification(row: Notification, found: Shown) -> dict[str, Any]:
    return {
        "id": found.id,
        "time": moment_text(found.at),
        "priority": found.priority,
        "type": row.message_type,
        "title": found.title,
        "channel": found.channel_id,
        "channel_name": found.channel,
        "channel_type": row.channel_type,
        "status": row.status,
        "state": found.state,
        "why": found.why,
        "until": moment_text(found.until),
        "answer": found.answer,
        "tries": found.tries,
        "signal": str(found.signal_id) if found.signal_id else None,
        "test": found.test,
    }


def channel_shape(row: NotificationChannel) -> dict[str, Any]:
    """Return a channel without its secrets."""
    disabled = row.config.get("disabled")
    return {
        "id": row.pk,
        "name": row.name,
        "type": row.type,
        "enabled": row.enabled,
        "priority": row.priority,
        "config": channel_config_shown(row),
        "secrets": sorted(SECRET_FIELDS & row.config.keys()),
        "rate_limit_config": row.rate_limit_config,
        "status": row.status,
        "disabled": str(disabled.get("reason", ""))
        if isinstance(disabled, dict)
        else "",
        "last_test_time": moment_text(row.last_test_time),
        "created_at": moment_text(row.created_at),
        "updated_at": moment_text(row.updated_at),
    }


def standing_shape(standing: Standing) -> dict[str, Any]:
    """Return how a channel is doing."""
    return {
        "last_sent": moment_text(standing.last_sent),
        "failed_today": standing.failed,
        "quiet_until": moment_text(standing.quiet_until),
        "budget": [
            {"seconds": each.seconds, "most": each.most, "used": each.used}
            for each in standing.budget or ()
        ],
    }


def silence_shape(row: NotificationSilence, now: datetime) -> dict[str, Any]:
    """Return a silence and whether it is on."""
    state = "ended" if row.ends_at <= now else "active"
    return {
        "id": row.pk,
        "matcher": row.matcher,
        "reason": row.reason,
        "created_by": row.created_by,
        "starts_at": moment_text(row.starts_at),
        "ends_at": moment_text(row.ends_at),
        "state": "coming" if row.starts_at > now else state,
    }


def alert_shape(row: Alert) -> dict[str, Any]:
    """Return an alert in the reader's language."""
    title, body = said(row.context, language_of_reader(), (row.title, row.body))
    return {
        "id": row.pk,
        "key": row.key,
        "priority": row.priority,
        "title": title,
        "body": body,
        "context": {key: value for key, value in row.context.items() if key != "words"},
        "since": moment_text(row.since),
        "resolved_at": moment_text(row.resolved_at),
        "last_told_at": moment_text(row.last_told_at),
        "told_count": row.told_count,
    }

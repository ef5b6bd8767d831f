"""Channels and the outbox, which is also the history of notifications."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.columns import CreatedField, ObjectField, UpdatedField, listed
from btc_watcher.lib.indexes import NamedIndex


class ChannelType(models.TextChoices):
    """How a channel delivers."""

    SMS = "sms", _("SMS")
    EMAIL = "email", _("email")
    WECHAT = "wechat", _("WeChat")
    FEISHU = "feishu", _("Feishu")
    TELEGRAM = "telegram", "Telegram"
    WEBHOOK = "webhook", _("webhook")
    APPRISE = "apprise", "Apprise"


class MessageType(models.TextChoices):
    """What a notification is about."""

    SIGNAL = "signal", _("signal")
    ALERT = "alert", _("alert")
    SYSTEM = "system", _("system")


class NotificationStatus(models.TextChoices):
    """How far a notification has come."""

    PENDING = "pending", _("pending")
    SENT = "sent", _("sent")
    FAILED = "failed", _("failed")
    RETRY = "retry", _("to be tried again")


class NotificationChannel(models.Model):
    """A configured way to reach people. Secrets in ``config`` are encrypted."""

    class Status(models.TextChoices):
        """What the last delivery says."""

        HEALTHY = "healthy", _("healthy")
        ERROR = "error", _("error")
        UNKNOWN = "unknown", _("unknown")

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=50)
    type = models.CharField(_("type"), max_length=20, choices=ChannelType)
    enabled = models.BooleanField(_("enabled"), default=True, db_default=True)
    priority = models.IntegerField(_("priority"), default=1, db_default=1)
    config = ObjectField(verbose_name=_("configuration"))
    rate_limit_config = ObjectField(verbose_name=_("limits"))
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=Status,
        default=Status.UNKNOWN,
        db_default="unknown",
    )
    last_test_time = models.DateTimeField(_("last test"), null=True, blank=True)
    created_at = CreatedField(verbose_name=_("created"))
    updated_at = UpdatedField(verbose_name=_("updated"))

    class Meta:
        db_table = "notification_channels"
        verbose_name = _("notification channel")
        verbose_name_plural = _("notification channels")
        ordering = ["priority", "name"]
        constraints = [
            listed(
                "type",
                "sms email wechat feishu telegram webhook apprise",
                "notification_channels_type_check",
            ),
            listed(
                "status", "healthy error unknown", "notification_channels_status_check"
            ),
        ]
        indexes = [
            NamedIndex(fields=["type"], name="idx_notification_channels_type"),
            NamedIndex(fields=["enabled"], name="idx_notification_channels_enabled"),
        ]

    def __str__(self) -> str:
        return self.name


class Notification(models.Model):
    """One message to one channel. Partitioned by month of ``sent_at``.

    ``sent_at`` is when the row was written until the provider has accepted the
    message, and then when it did. The table's primary key is (id, sent_at).
    ``signal_id`` is no foreign key: PostgreSQL cannot point at a table whose
    key holds the partition column, and the id tells the month by itself.
    """

    id = models.BigAutoField(primary_key=True)
    signal_id = models.UUIDField(null=True, blank=True, editable=False)
    channel = models.ForeignKey(
        NotificationChannel,
        on_delete=models.PROTECT,
        related_name="notifications",
        null=True,
        db_index=False,
        db_constraint=False,
    )
    channel_type = models.CharField(_("type"), max_length=20)
    message_type = models.CharField(_("about"), max_length=20, choices=MessageType)
    content = models.TextField(_("content"))
    status = models.CharField(_("status"), max_length=20, choices=NotificationStatus)
    sent_at = CreatedField(verbose_name=_("time"))
    response_code = models.IntegerField(_("answer"), null=True, blank=True)
    error_message = models.TextField(_("error"), null=True, blank=True)
    retry_count = models.IntegerField(_("retries"), default=0, db_default=0)
    metadata = ObjectField(verbose_name=_("metadata"))

    class Meta:
        db_table = "notification_history"
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-sent_at", "-id"]
        constraints = [
            listed(
                "message_type",
                "signal alert system",
                "notification_history_message_type_check",
            ),
            listed(
                "status",
                "pending sent failed retry",
                "notification_history_status_check",
            ),
        ]
        indexes = [
            NamedIndex(fields=["signal_id"], name="idx_notification_history_signal_id"),
            NamedIndex(fields=["channel"], name="idx_notification_history_channel_id"),
            NamedIndex(fields=["status"], name="idx_notification_history_status"),
            NamedIndex(fields=["sent_at"], name="idx_notification_history_sent_at"),
            NamedIndex(
                fields=["channel", "-sent_at", "status"],
                name="idx_notification_history_query",
            ),
            NamedIndex(
                fields=["sent_at"],
                name="idx_notification_failed",
                condition=models.Q(status="failed"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_type} {self.status} {self.sent_at:%Y-%m-%d %H:%M}"


class NotificationSilence(models.Model):
    """From when to when messages that fit ``matcher`` are stored and not sent.

    ``matcher`` may list message_types, priorities, channels (ids), keys (of alerts),
    strategies, pairs, types, timeframes and levels; what it does not list means all.
    """

    id = models.AutoField(primary_key=True)
    matcher = ObjectField(verbose_name=_("what is silenced"))
    reason = models.TextField(_("reason"))
    created_by = models.CharField(_("created by"), max_length=150)
    starts_at = models.DateTimeField(_("begins"))
    ends_at = models.DateTimeField(_("ends"))
    created_at = CreatedField(verbose_name=_("created"))

    class Meta:
        db_table = "notification_silences"
        verbose_name = _("silence")
        verbose_name_plural = _("silences")
        ordering = ["-ends_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="notification_silences_ends_after_start",
            )
        ]
        indexes = [
            NamedIndex(fields=["ends_at"], name="idx_notification_silences_ends_at")
        ]

    def __str__(self) -> str:
        return f"{self.reason} ({self.ends_at:%Y-%m-%d %H:%M})"


class Alert(models.Model):
    """Something that is wrong until it is resolved; ``key`` says what it is.

    ``told`` has, per channel that was told (its id as text), when it was last told.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(_("key"), max_length=200)
    priority = models.CharField(_("priority"), max_length=2)
    title = models.CharField(_("title"), max_length=200)
    body = models.TextField(_("text"), blank=True)
    context = ObjectField(verbose_name=_("context"))
    since = models.DateTimeField(_("since"))
    last_told_at = models.DateTimeField(_("last told"), null=True, blank=True)
    told_count = models.IntegerField(_("times told"), default=0, db_default=0)
    told = ObjectField(verbose_name=_("channels told"))
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)

    class Meta:
        db_table = "alerts"
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-since", "-id"]
        constraints = [
            listed("priority", "P0 P1 P2", "alerts_priority_check"),
            models.UniqueConstraint(
                fields=["key"],
                condition=models.Q(resolved_at=None),
                name="alerts_one_open_per_key",
            ),
        ]
        indexes = [NamedIndex(fields=["-since"], name="idx_alerts_since")]

    def __str__(self) -> str:
        return self.title


class NotificationFanOut(models.Model):
    """A burst of which only the first channel's rows are written yet.

    Those rows carry ``token`` and the number of their group in their metadata, and
    have ids from ``first_id`` to ``last_id``. ``placements`` are the other channels.
    The row is deleted in the statement that writes their rows.
    """

    id = models.BigAutoField(primary_key=True)
    token = models.CharField(max_length=32)
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    placements = models.JSONField()
    created_at = CreatedField()

    class Meta:
        db_table = "notification_fan_outs"

    def __str__(self) -> str:
        return f"{self.first_id} to {self.last_id}"

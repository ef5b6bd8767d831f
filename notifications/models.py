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
                "sms email wechat feishu telegram",
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

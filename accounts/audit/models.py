"""The table of the audit."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.columns import listed
from btc_watcher.lib.indexes import NamedIndex


class AuditEntry(models.Model):
    """One change of one row, written by a trigger (``functions.sql``).

    ``actor_id`` is no foreign key: who is deleted stays in the audit by name; null is
    the system. ``target`` is the name of the table. Secrets are hidden.
    """

    class Action(models.TextChoices):
        """What was done."""

        INSERT = "insert", _("made")
        UPDATE = "update", _("changed")
        DELETE = "delete", _("removed")

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(
        _("time"), default=timezone.now, db_default=TransactionNow()
    )
    actor_id = models.IntegerField(_("person's number"), null=True, blank=True)
    actor_name = models.CharField(_("by"), max_length=150, blank=True)
    via = models.CharField(_("through"), max_length=60, blank=True)
    ip_address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    action = models.CharField(_("what"), max_length=10, choices=Action)
    target = models.CharField(_("kind"), max_length=63)
    target_id = models.CharField(_("number"), max_length=64, blank=True)
    target_name = models.CharField(_("name"), max_length=150, blank=True)
    before = models.JSONField(_("before"), null=True, blank=True)
    after = models.JSONField(_("after"), null=True, blank=True)

    class Meta:
        app_label = "accounts"
        db_table = "audit_log"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit")
        ordering: ClassVar = ["-at", "-id"]
        # Nothing but the trigger writes.
        default_permissions = ("view",)
        constraints = [
            listed("action", "insert update delete", "audit_log_action_check")
        ]
        indexes = [
            NamedIndex(fields=["-at", "-id"], name="idx_audit_log_at"),
            NamedIndex(fields=["actor_id", "-at"], name="idx_audit_log_actor"),
            NamedIndex(fields=["target", "-at"], name="idx_audit_log_target"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor_name} {self.action} {self.target}"

"""Releases of freqtrade and the record of moving between them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.columns import CreatedField, ObjectField, listed
from btc_watcher.lib.indexes import NamedIndex
from freqtrade_mgmt.leases.models import StrategyLease, SupervisorNode

__all__ = [
    "FreqtradeUpgrade",
    "FreqtradeVersion",
    "StrategyLease",
    "SupervisorNode",
]


class FreqtradeVersion(models.Model):
    """A release of freqtrade; ``install_path`` is its own environment."""

    class Type(models.TextChoices):
        """How finished the release is."""

        STABLE = "stable", _("stable")
        BETA = "beta", _("beta")
        ALPHA = "alpha", _("alpha")

    id = models.AutoField(primary_key=True)
    version = models.CharField(_("version"), max_length=20)
    release_date = models.DateField(_("released"), null=True, blank=True)
    type = models.CharField(
        _("type"), max_length=20, choices=Type, default=Type.STABLE, db_default="stable"
    )
    download_url = models.TextField(_("download address"), null=True, blank=True)
    changelog_url = models.TextField(_("changes address"), null=True, blank=True)
    compatibility_info = ObjectField(verbose_name=_("compatibility"))
    is_installed = models.BooleanField(_("installed"), default=False, db_default=False)
    install_date = models.DateTimeField(_("installed at"), null=True, blank=True)
    install_path = models.CharField(_("folder"), max_length=500, null=True, blank=True)
    created_at = CreatedField(verbose_name=_("created"))

    class Meta:
        db_table = "freqtrade_versions"
        verbose_name = _("freqtrade version")
        verbose_name_plural = _("freqtrade versions")
        ordering = ["-release_date", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["version"], name="freqtrade_versions_version_key"
            ),
            listed("type", "stable beta alpha", "freqtrade_versions_type_check"),
        ]
        indexes = [
            NamedIndex(fields=["version"], name="idx_freqtrade_versions_version"),
            NamedIndex(
                fields=["is_installed"], name="idx_freqtrade_versions_is_installed"
            ),
        ]

    def __str__(self) -> str:
        return self.version


class FreqtradeUpgrade(models.Model):
    """One installation, upgrade or downgrade."""

    class Type(models.TextChoices):
        """What was done."""

        UPGRADE = "upgrade", _("upgrade")
        DOWNGRADE = "downgrade", _("downgrade")
        INSTALL = "install", _("installation")

    class Status(models.TextChoices):
        """How far it has come."""

        PENDING = "pending", _("pending")
        IN_PROGRESS = "in_progress", _("in progress")
        COMPLETED = "completed", _("completed")
        FAILED = "failed", _("failed")
        ROLLED_BACK = "rolled_back", _("rolled back")

    id = models.AutoField(primary_key=True)
    from_version = models.CharField(_("from"), max_length=20, null=True, blank=True)
    to_version = models.CharField(_("to"), max_length=20)
    upgrade_type = models.CharField(_("type"), max_length=20, choices=Type)
    status = models.CharField(_("status"), max_length=20, choices=Status)
    started_at = CreatedField(verbose_name=_("started"))
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True)
    error_message = models.TextField(_("error"), null=True, blank=True)
    backup_path = models.CharField(_("backup"), max_length=500, null=True, blank=True)
    migration_log = ObjectField(verbose_name=_("log"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("by"),
    )

    class Meta:
        db_table = "freqtrade_upgrade_history"
        verbose_name = _("freqtrade upgrade")
        verbose_name_plural = _("freqtrade upgrades")
        ordering = ["-started_at"]
        constraints = [
            listed(
                "upgrade_type",
                "upgrade downgrade install",
                "freqtrade_upgrade_history_upgrade_type_check",
            ),
            listed(
                "status",
                "pending in_progress completed failed rolled_back",
                "freqtrade_upgrade_history_status_check",
            ),
        ]
        indexes = [
            NamedIndex(fields=["status"], name="idx_upgrade_history_status"),
            NamedIndex(fields=["started_at"], name="idx_upgrade_history_date"),
        ]

    def __str__(self) -> str:
        return f"{self.from_version} → {self.to_version}"

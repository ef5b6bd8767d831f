"""Strategies: what is wanted, its versions, and the processes that were seen."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.columns import CreatedField, ObjectField, UpdatedField, listed
from btc_watcher.lib.indexes import NamedIndex


class Status(models.TextChoices):
    """States of a strategy and of a process that runs it."""

    RUNNING = "running", _("running")
    STOPPED = "stopped", _("stopped")
    ERROR = "error", _("error")
    STARTING = "starting", _("starting")
    STOPPING = "stopping", _("stopping")


STATUSES = " ".join(Status.values)


class Strategy(models.Model):
    """A freqtrade strategy that is watched.

    ``config`` holds class_name, code, exchange, pairs, timeframe and strength
    (column, expression, default); ``freqtrade_config`` holds the freqtrade
    version, the proxy, the leave to trade for real (``live``, its keys encrypted)
    and what else goes into the bot's configuration. ``health_metrics`` has several
    writers, each with top-level keys of its own: write it through the services.
    """

    class Type(models.TextChoices):
        """What the strategy may do."""

        SIGNAL_MONITOR = "signal_monitor", _("signals only")
        TRADE_EXECUTION = "trade_execution", _("trades")

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), null=True, blank=True)
    type = models.CharField(
        _("type"),
        max_length=50,
        choices=Type,
        default=Type.SIGNAL_MONITOR,
        db_default="signal_monitor",
    )
    version = models.CharField(
        _("version"), max_length=20, default="v1.0", db_default="v1.0"
    )
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=Status,
        default=Status.STOPPED,
        db_default="stopped",
    )
    config = ObjectField(verbose_name=_("configuration"))
    freqtrade_config = ObjectField(verbose_name=_("freqtrade configuration"))
    signal_thresholds = ObjectField(verbose_name=_("signal thresholds"))
    health_metrics = ObjectField(verbose_name=_("health"), editable=False)
    performance_metrics = ObjectField(verbose_name=_("performance"), editable=False)
    is_draft = models.BooleanField(_("draft"), default=False, db_default=False)
    draft_expires_at = models.DateTimeField(_("draft expires"), null=True, blank=True)
    parent_strategy = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        related_name="copies",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("copied from"),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
        db_column="created_by",
        verbose_name=_("created by"),
    )
    created_at = CreatedField(verbose_name=_("created"))
    updated_at = UpdatedField(verbose_name=_("updated"))

    class Meta:
        db_table = "strategies"
        verbose_name = _("strategy")
        verbose_name_plural = _("strategies")
        ordering = ["name"]
        # Names of permissions are stored in the database, so they are not translated.
        permissions = [
            ("upload_code", "Can bring or change the code of strategies"),
            ("trade_live", "Can let strategies trade for real"),
        ]
        constraints = [
            listed("type", "signal_monitor trade_execution", "strategies_type_check"),
            listed("status", STATUSES, "strategies_status_check"),
        ]
        indexes = [
            NamedIndex(fields=["name"], name="idx_strategies_name"),
            NamedIndex(fields=["status"], name="idx_strategies_status"),
            NamedIndex(fields=["type"], name="idx_strategies_type"),
            NamedIndex(fields=["is_draft"], name="idx_strategies_is_draft"),
            NamedIndex(fields=["created_at"], name="idx_strategies_created_at"),
            NamedIndex(
                fields=["id"],
                name="idx_strategies_active",
                condition=models.Q(status__in=["running", "starting"]),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class StrategyVersion(models.Model):
    """A snapshot of what a strategy ran."""

    id = models.AutoField(primary_key=True)
    strategy = models.ForeignKey(
        Strategy,
        on_delete=models.CASCADE,
        related_name="versions",
        null=True,
        db_index=False,
        db_constraint=False,
    )
    version = models.CharField(_("version"), max_length=20)
    config_snapshot = models.JSONField(_("snapshot"))
    change_summary = models.TextField(_("summary"), null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=False, db_default=False)
    created_at = CreatedField(verbose_name=_("created"))

    class Meta:
        db_table = "strategy_versions"
        verbose_name = _("strategy version")
        verbose_name_plural = _("strategy versions")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["strategy", "version"],
                name="strategy_versions_strategy_id_version_key",
            )
        ]
        indexes = [
            NamedIndex(fields=["strategy"], name="idx_strategy_versions_strategy_id"),
            NamedIndex(fields=["is_active"], name="idx_strategy_versions_is_active"),
        ]

    def __str__(self) -> str:
        return f"{self.strategy_id} {self.version}"


class StrategyProcess(models.Model):
    """A process that ran a strategy; several rows may carry one pid.

    ``resource_usage`` holds ``create_time`` (seconds since 1970, as the kernel
    tells it) and ``origin`` (the same, counted from the machine's start, which no
    setting of the clock moves): with the pid they name a process for certain.
    """

    id = models.AutoField(primary_key=True)
    strategy = models.ForeignKey(
        Strategy,
        on_delete=models.CASCADE,
        related_name="processes",
        null=True,
        db_index=False,
        db_constraint=False,
    )
    pid = models.IntegerField(_("process id"), null=True, blank=True)
    start_time = CreatedField(verbose_name=_("started"))
    stop_time = models.DateTimeField(_("stopped"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=20, choices=Status)
    resource_usage = ObjectField(verbose_name=_("resources"))
    last_heartbeat = CreatedField(verbose_name=_("last heartbeat"))

    class Meta:
        db_table = "strategy_processes"
        verbose_name = _("strategy process")
        verbose_name_plural = _("strategy processes")
        ordering = ["-start_time"]
        constraints = [listed("status", STATUSES, "strategy_processes_status_check")]
        indexes = [
            NamedIndex(fields=["strategy"], name="idx_strategy_processes_strategy_id"),
            NamedIndex(fields=["status"], name="idx_strategy_processes_status"),
        ]

    def __str__(self) -> str:
        return f"{self.strategy_id} pid {self.pid}"

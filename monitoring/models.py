"""Measurements of the system and its errors."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.columns import CreatedField, ObjectField, listed
from btc_watcher.lib.indexes import NamedIndex
from monitoring.heartbeats.models import ProcessHeartbeat
from monitoring.metrics.models import MetricHour
from monitoring.schedules.models import ScheduleSeed
from monitoring.watch.models import WatchState

__all__ = [
    "ErrorLog",
    "MetricHour",
    "ProcessHeartbeat",
    "ScheduleSeed",
    "SystemMetric",
    "WatchState",
]


class SystemMetric(models.Model):
    """One measured value of one component.

    ``metadata`` holds ``name`` (which series of the type), ``host`` ("" for servers that
    all hosts share) and ``processes`` where the value is a sum over processes.
    """

    class Type(models.TextChoices):
        """What is measured."""

        CPU = "cpu", _("CPU")
        MEMORY = "memory", _("memory")
        DISK = "disk", _("disk")
        NETWORK = "network", _("network")

    class Component(models.TextChoices):
        """What it is measured of."""

        API = "api", _("web and API")
        FREQTRADE = "freqtrade", "freqtrade"
        DATABASE = "database", _("database")
        REDIS = "redis", "Redis"
        WORKER = "worker", _("worker")
        BEAT = "beat", _("schedule")
        SUPERVISOR = "supervisor", _("supervisor")
        HOST = "host", _("machine")

    id = models.BigAutoField(primary_key=True)
    timestamp = CreatedField(verbose_name=_("time"))
    metric_type = models.CharField(_("type"), max_length=50, choices=Type)
    component = models.CharField(_("component"), max_length=50, choices=Component)
    value = models.DecimalField(_("value"), max_digits=10, decimal_places=4)
    unit = models.CharField(_("unit"), max_length=20)
    metadata = ObjectField(verbose_name=_("metadata"))

    class Meta:
        db_table = "system_metrics"
        verbose_name = _("measurement")
        verbose_name_plural = _("measurements")
        ordering = ["-timestamp"]
        constraints = [
            listed(
                "metric_type",
                "cpu memory disk network",
                "system_metrics_metric_type_check",
            ),
            listed(
                "component",
                "api freqtrade database redis worker beat supervisor host",
                "system_metrics_component_check",
            ),
        ]
        indexes = [
            NamedIndex(fields=["timestamp"], name="idx_system_metrics_timestamp"),
            NamedIndex(
                fields=["metric_type", "component"],
                name="idx_system_metrics_type_component",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.component} {self.metric_type} {self.value} {self.unit}"


class ErrorLog(models.Model):
    """An error that a component reported."""

    class Level(models.TextChoices):
        """The levels of Python's logging."""

        DEBUG = "DEBUG", "DEBUG"
        INFO = "INFO", "INFO"
        WARNING = "WARNING", "WARNING"
        ERROR = "ERROR", "ERROR"
        CRITICAL = "CRITICAL", "CRITICAL"

    id = models.BigAutoField(primary_key=True)
    timestamp = CreatedField(verbose_name=_("time"))
    level = models.CharField(_("level"), max_length=20, choices=Level)
    component = models.CharField(_("component"), max_length=50)
    message = models.TextField(_("message"))
    stack_trace = models.TextField(_("stack"), null=True, blank=True)
    context = ObjectField(verbose_name=_("context"))
    resolved = models.BooleanField(_("resolved"), default=False, db_default=False)
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)

    class Meta:
        db_table = "error_logs"
        verbose_name = _("error")
        verbose_name_plural = _("errors")
        ordering = ["-timestamp"]
        constraints = [
            listed(
                "level", "DEBUG INFO WARNING ERROR CRITICAL", "error_logs_level_check"
            )
        ]
        indexes = [
            NamedIndex(fields=["timestamp"], name="idx_error_logs_timestamp"),
            NamedIndex(fields=["level"], name="idx_error_logs_level"),
            NamedIndex(fields=["component"], name="idx_error_logs_component"),
            NamedIndex(fields=["resolved"], name="idx_error_logs_resolved"),
        ]

    def __str__(self) -> str:
        return self.message[:80]

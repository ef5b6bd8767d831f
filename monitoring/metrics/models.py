"""Measurements of whole hours, kept after the single ones are gone."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _


class MetricHour(models.Model):
    """Mean, least and most of one series in one hour.

    A series is a component, a type, a name within these, and a host ("" for servers
    that all hosts share).
    """

    id = models.BigAutoField(primary_key=True)
    hour = models.DateTimeField(_("hour"))
    component = models.CharField(_("component"), max_length=50)
    metric_type = models.CharField(_("type"), max_length=50)
    name = models.CharField(_("name"), max_length=50)
    host = models.CharField(_("host"), max_length=100)
    unit = models.CharField(_("unit"), max_length=20)
    mean = models.DecimalField(_("mean"), max_digits=10, decimal_places=4)
    low = models.DecimalField(_("least"), max_digits=10, decimal_places=4)
    high = models.DecimalField(_("most"), max_digits=10, decimal_places=4)
    samples = models.IntegerField(_("samples"))

    class Meta:
        db_table = "system_metric_hours"
        verbose_name = _("hourly mean")
        verbose_name_plural = _("hourly means")
        ordering = ["-hour"]
        constraints = [
            models.UniqueConstraint(
                fields=["component", "metric_type", "name", "host", "hour"],
                name="system_metric_hours_one_each",
            ),
        ]
        # Rows come in order of time, so a few pages of index find any period.
        indexes = [
            BrinIndex(
                fields=["hour"],
                name="brin_system_metric_hours",
                pages_per_range=16,
                autosummarize=True,
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00} {self.component} {self.name} {self.mean}"

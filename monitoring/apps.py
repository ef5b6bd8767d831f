"""Registration of the app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MonitoringConfig(AppConfig):
    """Health, measurements, errors, partitions, backups. Sees every app below."""

    name = "monitoring"
    verbose_name = _("Monitoring")

"""Registration of the app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MonitoringConfig(AppConfig):
    """Health, measurements, errors, partitions, backups. Sees every app below."""

    name = "monitoring"
    verbose_name = _("Monitoring")

    def ready(self) -> None:
        """Have workers and the schedule report that they live, and all their pools."""
        # Imported late: they read models, which are loaded by now.
        from monitoring.database.pools import reporting_start  # noqa: PLC0415
        from monitoring.heartbeats.attach import celery_attach  # noqa: PLC0415

        celery_attach()
        reporting_start()

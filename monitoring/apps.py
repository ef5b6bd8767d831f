"""Registration of the app."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.processes import LASTING, process_kind


class MonitoringConfig(AppConfig):
    """Health, measurements, errors, partitions, backups. Sees every app below."""

    name = "monitoring"
    verbose_name = _("Monitoring")

    def ready(self) -> None:
        """Have workers and the schedule report that they live, and all their pools.

        Raises ImproperlyConfigured where REDIS_URL leads to a cluster.
        """
        # Imported late: they read models, which are loaded by now.
        from monitoring.cache import cluster_refused  # noqa: PLC0415
        from monitoring.database.pools import reporting_start  # noqa: PLC0415
        from monitoring.errors.hooks import hooks_install  # noqa: PLC0415
        from monitoring.heartbeats.attach import celery_attach  # noqa: PLC0415

        if process_kind() in LASTING:
            hooks_install()
            try:
                cluster_refused()
            except ConfigurationError as error:
                raise ImproperlyConfigured(error.message) from None
        celery_attach()
        reporting_start()

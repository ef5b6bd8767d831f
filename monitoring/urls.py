"""Pages of the app."""

from __future__ import annotations

from django.urls import path

from monitoring import views
from monitoring.backups import views as backups
from monitoring.dashboard import views as dashboard
from monitoring.database.views import database
from monitoring.metrics import views as metrics
from monitoring.partitions import views as partitions

app_name = "monitoring"
urlpatterns = [
    path("dashboard/", dashboard.dashboard, name="dashboard"),
    path("dashboard/now/", dashboard.dashboard_part, name="dashboard_part"),
    path("health/", views.health, name="health"),
    path("health/live", views.live, name="live"),
    path("health/ready", views.ready, name="ready"),
    path("system/database/", database, name="database"),
    path("system/partitions/", partitions.partitions, name="partitions"),
    path("system/partitions/plan/", partitions.plan, name="partitions_plan"),
    path("system/partitions/live/", partitions.live, name="partitions_live"),
    path("system/partitions/rotate/", partitions.rotate, name="partitions_rotate"),
    path("system/partitions/<slug:name>/rows/", partitions.rows, name="partition_rows"),
    path("system/backups/", backups.backups, name="backups"),
    path("system/backups/live/", backups.live, name="backups_live"),
    path("system/backups/make/", backups.make, name="backups_make"),
    path("system/backups/<slug:name>/", backups.backup, name="backup"),
    path("system/backups/<slug:name>/try/", backups.again, name="backup_try"),
    path("metrics", metrics.metrics, name="metrics"),
    path("system/", metrics.system, name="system"),
    path("system/data/", metrics.system_data, name="system_data"),
    path("system/now/", metrics.system_part, name="system_part"),
]

"""Addresses of the API of the system, below /api/v1/."""

from __future__ import annotations

from django.urls import path

from monitoring.api import (
    ErrorsResolveView,
    ErrorsView,
    ErrorView,
    MetricsView,
    SchedulesView,
    ScheduleView,
    StatusView,
)
from monitoring.api_upkeep import (
    BackupsView,
    BackupView,
    PartitionsView,
    PlanView,
    RotateView,
    RowsView,
    TrialView,
)

PARTITIONS = "system/partitions/"
BACKUPS = "system/backups/"

urlpatterns = [
    path("system/", StatusView.as_view(), name="api-system"),
    path("system/metrics/", MetricsView.as_view(), name="api-metrics"),
    path("system/errors/", ErrorsView.as_view(), name="api-errors"),
    path(
        "system/errors/resolve/",
        ErrorsResolveView.as_view(),
        name="api-errors-resolve",
    ),
    path("system/errors/<int:pk>/", ErrorView.as_view(), name="api-error"),
    path("system/schedules/", SchedulesView.as_view(), name="api-schedules"),
    path("system/schedules/<str:name>/", ScheduleView.as_view(), name="api-schedule"),
    path(PARTITIONS, PartitionsView.as_view(), name="api-partitions"),
    path(f"{PARTITIONS}plan/", PlanView.as_view(), name="api-partitions-plan"),
    path(f"{PARTITIONS}rotate/", RotateView.as_view(), name="api-partitions-rotate"),
    path(
        f"{PARTITIONS}<str:name>/rows/", RowsView.as_view(), name="api-partition-rows"
    ),
    path(BACKUPS, BackupsView.as_view(), name="api-backups"),
    path(f"{BACKUPS}<str:name>/", BackupView.as_view(), name="api-backup"),
    path(f"{BACKUPS}<str:name>/try/", TrialView.as_view(), name="api-backup-try"),
]

"""Pages of the app."""

from __future__ import annotations

from django.urls import path

from monitoring import views
from monitoring.database.views import database
from monitoring.metrics import views as metrics

app_name = "monitoring"
urlpatterns = [
    path("health/", views.health, name="health"),
    path("health/live", views.live, name="live"),
    path("health/ready", views.ready, name="ready"),
    path("system/database/", database, name="database"),
    path("metrics", metrics.metrics, name="metrics"),
    path("system/", metrics.system, name="system"),
    path("system/data/", metrics.system_data, name="system_data"),
    path("system/now/", metrics.system_part, name="system_part"),
]

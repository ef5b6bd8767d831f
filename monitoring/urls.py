"""Pages of the app."""

from __future__ import annotations

from django.urls import path

from monitoring import views

app_name = "monitoring"
urlpatterns = [path("health/", views.health, name="health")]

"""Addresses of the pages."""

from __future__ import annotations

from django.urls import path

from signals_app import views

app_name = "signals_app"
urlpatterns = [
    path("", views.live, name="live"),
    path("signals/newest/", views.newest, name="newest"),
    path(
        "strategies/<int:strategy_id>/signals/",
        views.of_strategy,
        name="of_strategy",
    ),
    path("signals/<uuid:identifier>/", views.detail, name="detail"),
]

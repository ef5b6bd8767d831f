"""Addresses of the API of strategies, below /api/v1/."""

from __future__ import annotations

from django.urls import path

from strategies.api import (
    ChangeView,
    RestartView,
    StartView,
    StopView,
    StrategiesView,
    StrategyView,
)

urlpatterns = [
    path("strategies/", StrategiesView.as_view(), name="api-strategies"),
    path("strategies/change/", ChangeView.as_view(), name="api-strategies-change"),
    path("strategies/<int:pk>/", StrategyView.as_view(), name="api-strategy"),
    path("strategies/<int:pk>/start/", StartView.as_view(), name="api-strategy-start"),
    path("strategies/<int:pk>/stop/", StopView.as_view(), name="api-strategy-stop"),
    path(
        "strategies/<int:pk>/restart/",
        RestartView.as_view(),
        name="api-strategy-restart",
    ),
]

"""Addresses of the API of strategies, below /api/v1/."""

from __future__ import annotations

from django.urls import path

from strategies.api import (
    ChangeView,
    CopyView,
    RestartView,
    StartView,
    StopView,
    StrategiesView,
    StrategyView,
)
from strategies.api_versions import (
    CompareView,
    LiveView,
    RollBackView,
    VersionsView,
    VersionView,
)

ONE = "strategies/<int:pk>/"

urlpatterns = [
    path("strategies/", StrategiesView.as_view(), name="api-strategies"),
    path("strategies/change/", ChangeView.as_view(), name="api-strategies-change"),
    path(ONE, StrategyView.as_view(), name="api-strategy"),
    path(f"{ONE}start/", StartView.as_view(), name="api-strategy-start"),
    path(f"{ONE}stop/", StopView.as_view(), name="api-strategy-stop"),
    path(f"{ONE}restart/", RestartView.as_view(), name="api-strategy-restart"),
    path(f"{ONE}copy/", CopyView.as_view(), name="api-strategy-copy"),
    path(f"{ONE}versions/", VersionsView.as_view(), name="api-strategy-versions"),
    path(
        f"{ONE}versions/<str:version>/",
        VersionView.as_view(),
        name="api-strategy-version",
    ),
    path(f"{ONE}compare/", CompareView.as_view(), name="api-strategy-compare"),
    path(f"{ONE}roll-back/", RollBackView.as_view(), name="api-strategy-roll-back"),
    path(f"{ONE}live/", LiveView.as_view(), name="api-strategy-live"),
]

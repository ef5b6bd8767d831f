"""Addresses of the API of freqtrade's releases, below /api/v1/."""

from __future__ import annotations

from django.urls import path

from freqtrade_mgmt.api import (
    CancelView,
    CheckView,
    InstallView,
    RefreshView,
    RollBackView,
    UpgradesView,
    UpgradeView,
    VersionsView,
    VersionView,
)
from freqtrade_mgmt.api_charts import CandlesView, MarkersView, SourcesView
from freqtrade_mgmt.api_drafts import DraftsView, DraftView, PublishView

CHARTS = "charts/"
DRAFTS = "strategies/drafts/"
VERSIONS = "freqtrade/versions/"
UPGRADES = "freqtrade/upgrades/"

urlpatterns = [
    path(CHARTS, SourcesView.as_view(), name="api-charts"),
    path(f"{CHARTS}candles/", CandlesView.as_view(), name="api-candles"),
    path(f"{CHARTS}markers/", MarkersView.as_view(), name="api-markers"),
    path(DRAFTS, DraftsView.as_view(), name="api-drafts"),
    path(f"{DRAFTS}<int:pk>/", DraftView.as_view(), name="api-draft"),
    path(f"{DRAFTS}<int:pk>/publish/", PublishView.as_view(), name="api-draft-publish"),
    path(VERSIONS, VersionsView.as_view(), name="api-freqtrade-versions"),
    path(f"{VERSIONS}refresh/", RefreshView.as_view(), name="api-freqtrade-refresh"),
    path(
        f"{VERSIONS}<str:version>/",
        VersionView.as_view(),
        name="api-freqtrade-version",
    ),
    path(
        f"{VERSIONS}<str:version>/install/",
        InstallView.as_view(),
        name="api-freqtrade-install",
    ),
    path(
        f"{VERSIONS}<str:version>/check/",
        CheckView.as_view(),
        name="api-freqtrade-check",
    ),
    path(UPGRADES, UpgradesView.as_view(), name="api-freqtrade-upgrades"),
    path(f"{UPGRADES}<int:pk>/", UpgradeView.as_view(), name="api-freqtrade-upgrade"),
    path(
        f"{UPGRADES}<int:pk>/cancel/",
        CancelView.as_view(),
        name="api-freqtrade-cancel",
    ),
    path(
        f"{UPGRADES}<int:pk>/rollback/",
        RollBackView.as_view(),
        name="api-freqtrade-rollback",
    ),
]

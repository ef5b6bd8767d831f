"""Addresses of the pages of strategies."""

from __future__ import annotations

from django.urls import path

from strategies.views import changes, detail, listing, trading, versions

app_name = "strategies"
urlpatterns = [
    path("strategies/", listing.listing, name="list"),
    path("strategies/table/", listing.table, name="table"),
    path("strategies/change/", changes.change_many, name="change_many"),
    path("strategies/<int:pk>/", detail.detail, name="detail"),
    path("strategies/<int:pk>/health/", detail.health, name="health"),
    path("strategies/<int:pk>/change/", changes.change, name="change"),
    path("strategies/<int:pk>/versions/", versions.versions, name="versions"),
    path("strategies/<int:pk>/versions/compare/", versions.compare, name="compare"),
    path("strategies/<int:pk>/roll-back/", versions.roll_back, name="roll_back"),
    path("strategies/<int:pk>/trading/", trading.trading, name="trading"),
    path("strategies/<int:pk>/trading/on/", trading.enable, name="live_enable"),
    path("strategies/<int:pk>/trading/off/", trading.disable, name="live_disable"),
]

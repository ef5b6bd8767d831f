"""Addresses of charts and of logs."""

from __future__ import annotations

from django.urls import path

from freqtrade_mgmt.views import charts, logs

urlpatterns = [
    path("charts/", charts.charts, name="charts"),
    path("charts/candles/", charts.candles, name="candles"),
    path("charts/markers/", charts.markers, name="markers"),
    path("strategies/<int:pk>/log/", logs.log, name="log"),
]

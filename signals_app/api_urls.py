"""Addresses of the API of signals."""

from __future__ import annotations

from django.urls import path

from signals_app.api import SignalsView, SignalView

urlpatterns = [
    path("signals/", SignalsView.as_view(), name="api-signals"),
    path("signals/<uuid:identifier>/", SignalView.as_view(), name="api-signal"),
]

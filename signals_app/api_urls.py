"""Addresses of the API of signals."""

from __future__ import annotations

from django.urls import path

from signals_app.api import SignalsView, SignalView
from signals_app.api_hooks import HookView, SecretView, SignedView
from signals_app.api_outcomes import ChoiceView, OutcomesView
from signals_app.api_stream import StreamView

urlpatterns = [
    path("signals/", SignalsView.as_view(), name="api-signals"),
    path("signals/<uuid:identifier>/", SignalView.as_view(), name="api-signal"),
    path(
        "signals/<uuid:identifier>/choice/",
        ChoiceView.as_view(),
        name="api-signal-choice",
    ),
    path("strategies/<int:pk>/hook/", HookView.as_view(), name="api-hook"),
    path("hooks/<int:pk>/", SignedView.as_view(), name="api-hook-signed"),
    path("hooks/<int:pk>/<str:secret>/", SecretView.as_view(), name="api-hook-secret"),
    path("stream/", StreamView.as_view(), name="api-stream"),
    path("outcomes/", OutcomesView.as_view(), name="api-outcomes"),
]

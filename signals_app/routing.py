"""WebSocket addresses of the app."""

from __future__ import annotations

from django.urls import path

from signals_app.consumers import SignalsConsumer

urlpatterns = [path("signals/", SignalsConsumer.as_asgi())]

"""WebSocket addresses of freqtrade_mgmt, below /ws/."""

from __future__ import annotations

from django.urls import path

from freqtrade_mgmt.consumers import LogConsumer

urlpatterns = [path("strategies/<int:pk>/log/", LogConsumer.as_asgi())]

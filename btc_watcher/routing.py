"""WebSocket addresses: each app brings its own."""

from __future__ import annotations

from channels.routing import URLRouter
from django.urls import path

from freqtrade_mgmt.routing import urlpatterns as freqtrade_urlpatterns
from signals_app.routing import urlpatterns as signals_urlpatterns

websocket_router = URLRouter(
    [path("ws/", URLRouter([*signals_urlpatterns, *freqtrade_urlpatterns]))]
)

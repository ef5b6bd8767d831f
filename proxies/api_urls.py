"""Addresses of the API of proxies, below /api/v1/."""

from __future__ import annotations

from django.urls import path

from proxies.api import HistoryView, ProxiesView, ProxyView, TestAllView, TestView

urlpatterns = [
    path("proxies/", ProxiesView.as_view(), name="api-proxies"),
    path("proxies/test/", TestAllView.as_view(), name="api-proxies-test"),
    path("proxies/<int:pk>/", ProxyView.as_view(), name="api-proxy"),
    path("proxies/<int:pk>/test/", TestView.as_view(), name="api-proxy-test"),
    path("proxies/<int:pk>/history/", HistoryView.as_view(), name="api-proxy-history"),
]

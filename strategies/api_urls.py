"""Addresses of the API of strategies, below /api/v1/."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.urls import URLPattern

app_name = "strategies_api"
urlpatterns: list[URLPattern] = []

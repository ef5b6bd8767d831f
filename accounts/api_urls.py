"""API addresses of the app, below /api/v1/."""

from __future__ import annotations

from django.urls import path

from accounts.api import TokenView
from accounts.api_me import MeView, SessionsView, SessionView, TokensView

urlpatterns = [
    path("auth/token/", TokenView.as_view(), name="api-token"),
    path("me/", MeView.as_view(), name="api-me"),
    path("me/sessions/", SessionsView.as_view(), name="api-sessions"),
    path("me/sessions/<uuid:identifier>/", SessionView.as_view(), name="api-session"),
    path("me/tokens/", TokensView.as_view(), name="api-tokens"),
]

"""Addresses of the editor pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path

from freqtrade_mgmt.views import drafts, editor

if TYPE_CHECKING:
    from django.urls import URLPattern

urlpatterns: list[URLPattern] = [
    path("strategies/new/", editor.new, name="new"),
    path("strategies/<int:pk>/edit/", editor.edit, name="edit"),
    path("strategies/<int:pk>/copy/", editor.copy, name="copy"),
    path("strategies/drafts/<int:pk>/", drafts.draft, name="draft"),
    path("strategies/drafts/<int:pk>/state/", drafts.draft_state, name="draft_state"),
    path(
        "strategies/drafts/<int:pk>/discard/",
        drafts.draft_discard,
        name="draft_discard",
    ),
]

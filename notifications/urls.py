"""Addresses of the pages."""

from __future__ import annotations

from django.urls import path

from notifications import views

app_name = "notifications"
urlpatterns = [
    path("notifications/", views.history, name="history"),
    path("notifications/inbox/", views.inbox, name="inbox"),
]

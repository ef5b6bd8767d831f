"""Addresses of the API of notifications, below /api/v1/."""

from __future__ import annotations

from django.urls import path

from notifications.api import (
    AlertsView,
    AlertView,
    ExplainView,
    NotificationsView,
    NotificationView,
    ResendView,
    SilencesView,
    SilenceView,
)
from notifications.api_channels import ChannelsView, ChannelView, TestView

urlpatterns = [
    path("notifications/", NotificationsView.as_view(), name="api-notifications"),
    path("notifications/explain/", ExplainView.as_view(), name="api-explain"),
    path(
        "notifications/<int:pk>/",
        NotificationView.as_view(),
        name="api-notification",
    ),
    path("notifications/<int:pk>/resend/", ResendView.as_view(), name="api-resend"),
    path("channels/", ChannelsView.as_view(), name="api-channels"),
    path("channels/<int:pk>/", ChannelView.as_view(), name="api-channel"),
    path("channels/<int:pk>/test/", TestView.as_view(), name="api-channel-test"),
    path("silences/", SilencesView.as_view(), name="api-silences"),
    path("silences/<int:pk>/", SilenceView.as_view(), name="api-silence"),
    path("alerts/", AlertsView.as_view(), name="api-alerts"),
    path("alerts/<int:pk>/", AlertView.as_view(), name="api-alert"),
]

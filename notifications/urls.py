"""Addresses of the pages."""

from __future__ import annotations

from django.urls import path

from notifications.views import channels, history, inbox, preview, silences, texts

app_name = "notifications"
urlpatterns = [
    path("notifications/", history.history, name="history"),
    path("notifications/<int:number>/", history.detail, name="detail"),
    path("notifications/<int:number>/resend/", history.resend, name="resend"),
    path("notifications/inbox/", inbox.inbox, name="inbox"),
    path("notifications/channels/", channels.channels, name="channels"),
    path("notifications/channels/new/", channels.new, name="channel_new"),
    path("notifications/channels/texts/", texts.texts, name="texts"),
    path("notifications/channels/<int:number>/", channels.channel, name="channel"),
    path("notifications/channels/<int:number>/test/", channels.test, name="test"),
    path("notifications/channels/<int:number>/switch/", channels.switch, name="switch"),
    path("notifications/preview/", preview.preview, name="preview"),
    path("notifications/silences/", silences.silences, name="silences"),
    path("notifications/silences/<int:number>/end/", silences.end, name="silence_end"),
    path("notifications/alerts/", silences.alerts, name="alerts"),
]

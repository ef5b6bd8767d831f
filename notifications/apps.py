"""Registration of the app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    """Channels, the outbox and its delivery. Knows messages, never signals."""

    name = "notifications"
    verbose_name = _("Notifications")

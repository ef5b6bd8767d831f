"""Registration of the app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProxiesConfig(AppConfig):
    """Proxies and their tests."""

    name = "proxies"
    verbose_name = _("Proxies")

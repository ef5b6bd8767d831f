"""Registration of the app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SignalsAppConfig(AppConfig):
    """Signals: grading, intake, the live feed."""

    name = "signals_app"
    verbose_name = _("Signals")

"""Registration of the app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StrategiesConfig(AppConfig):
    """What is wanted: strategies, their versions, the processes that were seen."""

    name = "strategies"
    verbose_name = _("Strategies")

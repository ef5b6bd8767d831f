"""Registration of the app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FreqtradeMgmtConfig(AppConfig):
    """Everything that touches freqtrade: installer, bots, supervisor, collector."""

    name = "freqtrade_mgmt"
    verbose_name = _("Freqtrade")

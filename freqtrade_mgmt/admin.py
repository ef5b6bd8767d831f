"""Releases of freqtrade in the admin, to be read only."""

from __future__ import annotations

from django.contrib import admin

from btc_watcher.lib.admin import ReadOnlyAdmin
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion


@admin.register(FreqtradeVersion)
class FreqtradeVersionAdmin(ReadOnlyAdmin):
    """Releases, and where they are installed."""

    list_display = ("version", "type", "is_installed", "install_date", "install_path")
    list_filter = ("is_installed", "type")


@admin.register(FreqtradeUpgrade)
class FreqtradeUpgradeAdmin(ReadOnlyAdmin):
    """Installations, upgrades and downgrades."""

    list_display = (
        "from_version",
        "to_version",
        "upgrade_type",
        "status",
        "started_at",
    )
    list_filter = ("status", "upgrade_type")

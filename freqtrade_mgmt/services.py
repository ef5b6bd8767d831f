"""What can be asked of freqtrade's releases; the supervisor carries it out."""

from __future__ import annotations

from freqtrade_mgmt.upgrades.asking import (
    UpgradeRefusedError,
    check_request,
    rollback_request,
    upgrade_cancel,
    upgrade_request,
)
from freqtrade_mgmt.upgrades.pinning import strategy_pin, strategy_unpin
from freqtrade_mgmt.versions.places import freqtrade_root
from freqtrade_mgmt.versions.recording import version_installed
from freqtrade_mgmt.versions.refreshing import (
    Refreshed,
    installations_check,
    releases_refresh,
)
from freqtrade_mgmt.versions.removing import uninstall, uninstall_obstacles
from freqtrade_mgmt.versions.requesting import (
    install_cancel,
    install_open,
    install_request,
    newest_release,
)

__all__ = [
    "Refreshed",
    "UpgradeRefusedError",
    "check_request",
    "freqtrade_root",
    "install_cancel",
    "install_open",
    "install_request",
    "installations_check",
    "newest_release",
    "releases_refresh",
    "rollback_request",
    "strategy_pin",
    "strategy_unpin",
    "uninstall",
    "uninstall_obstacles",
    "upgrade_cancel",
    "upgrade_request",
    "version_installed",
]

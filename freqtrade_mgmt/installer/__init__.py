"""Installs a release of freqtrade into an environment of its own.

An environment is made once and never changed. freqtrade itself is never imported.
"""

from __future__ import annotations

from freqtrade_mgmt.installer.asking import Asked, releases_ask
from freqtrade_mgmt.installer.child import marked_kill
from freqtrade_mgmt.installer.growth import tree_size
from freqtrade_mgmt.installer.making import (
    freqtrade_install,
    freqtrade_installed,
    freqtrade_remove,
)
from freqtrade_mgmt.installer.shapes import (
    InstalledFreqtrade,
    InstallError,
    InstallStoppedError,
    Wanted,
    Watch,
)

__all__ = [
    "Asked",
    "InstallError",
    "InstallStoppedError",
    "InstalledFreqtrade",
    "Wanted",
    "Watch",
    "freqtrade_install",
    "freqtrade_installed",
    "freqtrade_remove",
    "marked_kill",
    "releases_ask",
    "tree_size",
]

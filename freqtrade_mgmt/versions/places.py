"""Where the environments of freqtrade lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from pathlib import Path


def freqtrade_root() -> Path:
    """Return the folder that holds one environment for each installed release."""
    home: Path = settings.BTCW_HOME
    return home / "freqtrade"

"""Reading what is known about freqtrade."""

from __future__ import annotations

import re
from pathlib import Path

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.models import FreqtradeVersion


def version_order(version: str) -> tuple[int, ...]:
    """Return a version such as 2026.9.1 as numbers that sort."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def environment_python(wanted: str | None) -> tuple[str, Path]:
    """Return a version and its interpreter: the wanted one, else the newest installed.

    Raises ConfigurationError when it is not installed.
    """
    installed = {
        row.version: row.install_path
        for row in FreqtradeVersion.objects.filter(is_installed=True)
        if row.install_path
    }
    if wanted and wanted not in installed:
        raise ConfigurationError(
            f"freqtrade {wanted} is not installed. Install it with: manage.py"
            f" install_freqtrade {wanted}; or clear the strategy's version."
        )
    if not installed:
        raise ConfigurationError(
            "No freqtrade is installed. Install one with: manage.py install_freqtrade"
        )
    version = wanted or max(installed, key=version_order)
    return version, Path(installed[version]) / "bin" / "python"

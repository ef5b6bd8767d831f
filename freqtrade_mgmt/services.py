"""Recording which releases of freqtrade are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from freqtrade_mgmt.installer import freqtrade_install, freqtrade_installed
from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.releases import version_kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def freqtrade_root() -> Path:
    """Return the folder that holds one environment for each installed release."""
    home: Path = settings.BTCW_HOME
    return home / "freqtrade"


def freqtrade_version_install(
    *, version: str | None = None, progress: Callable[[str], None]
) -> FreqtradeVersion:
    """Install a release (None: the newest) unless it is there, and record it.

    ``progress`` gets one line at a time. Rows of releases whose environment has gone
    are corrected too. Raises InstallError or ConfigurationError.
    """
    root = freqtrade_root()
    done = freqtrade_install(version, root, progress)
    present = [item.version for item in freqtrade_installed(root)]
    with transaction.atomic():
        FreqtradeVersion.objects.filter(is_installed=True).exclude(
            version__in=present
        ).update(is_installed=False, install_path=None)
        row, created = FreqtradeVersion.objects.get_or_create(
            version=done.version,
            defaults={
                "type": version_kind(done.version),
                "changelog_url": "https://github.com/freqtrade/freqtrade/releases/tag/"
                + done.version,
            },
        )
        if created or not row.is_installed or row.install_path != str(done.path):
            row.is_installed = True
            row.install_date = timezone.now()
            row.install_path = str(done.path)
            row.compatibility_info = {
                "python": done.python.resolve().name.removeprefix("python"),
                "install_seconds": done.seconds,
            }
            row.save()
    return row

"""Recording a finished environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.releases import version_kind
from freqtrade_mgmt.versions.refreshing import changes_address

if TYPE_CHECKING:
    from freqtrade_mgmt.installer import InstalledFreqtrade


@transaction.atomic
def version_installed(done: InstalledFreqtrade) -> FreqtradeVersion:
    """Record that a release is installed, with what was measured of it.

    One that was recorded before keeps its date.
    """
    rows = FreqtradeVersion.objects.select_for_update(no_key=True)
    row = rows.filter(version=done.version).first() or FreqtradeVersion(
        version=done.version,
        type=version_kind(done.version),
        changelog_url=changes_address(done.version),
    )
    if not row.is_installed or row.install_path != str(done.path):
        row.is_installed = True
        row.install_date = timezone.now()
        row.install_path = str(done.path)
    row.compatibility_info = {
        **row.compatibility_info,
        "installed_python": done.python.resolve().name.removeprefix("python"),
        "install_seconds": done.seconds,
        "installed_size": done.size,
        **done.facts,
    }
    row.save()
    return row

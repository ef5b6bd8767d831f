"""Keeping the table of releases equal to the package index and to the disk."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.cache.installs import releases_state_write
from freqtrade_mgmt.installer import freqtrade_installed, releases_ask
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.releases import version_kind
from freqtrade_mgmt.versions.places import freqtrade_root
from freqtrade_mgmt.versions.ways import install_way

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from freqtrade_mgmt.releases import Release

logger = logging.getLogger(__name__)

_CHANGES = "https://github.com/freqtrade/freqtrade/releases/tag/"
_COLUMNS = [
    "release_date",
    "type",
    "download_url",
    "changelog_url",
    "compatibility_info",
]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of asking: numbers, or a ``problem`` as a sentence without secrets.

    ``full`` is False where the index told nothing but numbers of versions.
    """

    asked_at: datetime
    found: int = 0
    new: int = 0
    full: bool = True
    problem: str = ""


def releases_refresh(*, proxy: int | None = None) -> Refreshed:
    """Ask the package index for the releases and store them; what is known stays.

    ``proxy`` (proxies.id) None goes the way of the last installation. An index that does
    not answer is no error: the answer's ``problem`` says why.
    """
    asked_at = timezone.now()
    try:
        way = install_way(_last_proxy() if proxy is None else proxy)
        asked = releases_ask(way.address)
    except BtcWatcherError as error:
        problem = error.message
        releases_state_write({"asked_at": asked_at.isoformat(), "problem": problem})
        logger.warning("The releases of freqtrade are not known anew: %s", problem)
        return Refreshed(asked_at, problem=problem)
    new = _store(asked.releases, asked_at)
    releases_state_write({"asked_at": asked_at.isoformat(), "problem": ""})
    return Refreshed(asked_at, len(asked.releases), new, asked.full)


@transaction.atomic
def installations_check() -> list[str]:
    """Correct the rows whose environment has gone; return their versions."""
    locked = FreqtradeVersion.objects.select_for_update(no_key=True)
    # In this order: what is recorded lies on the disk already.
    rows = list(locked.filter(is_installed=True))
    present = {item.version for item in freqtrade_installed(freqtrade_root())}
    lost = [
        row for row in rows if row.version not in present and not _lies_elsewhere(row)
    ]
    for row in lost:
        logger.warning("freqtrade %s is not installed any more.", row.version)
        version_gone(row)
    return [row.version for row in lost]


def version_gone(row: FreqtradeVersion) -> None:
    """Record that an environment has gone."""
    row.is_installed = False
    row.install_path = None
    row.save(update_fields=["is_installed", "install_path"])


def changes_address(version: str) -> str:
    """Return where people read what a release changed."""
    return _CHANGES + version


def _lies_elsewhere(row: FreqtradeVersion) -> bool:
    """Tell whether a row names a folder that is not ours, and that works."""
    if not row.install_path:
        return False
    path = Path(row.install_path)
    return path.parent != freqtrade_root() and (path / "bin" / "python").exists()


def _last_proxy() -> int | None:
    """Return the proxy of the newest installation, the way that somebody chose."""
    installs = FreqtradeUpgrade.objects.filter(
        upgrade_type=FreqtradeUpgrade.Type.INSTALL
    ).order_by("-id")
    log = installs.values_list("migration_log__proxy", flat=True).first()
    return log if type(log) is int else None


@transaction.atomic
def _store(releases: Iterable[Release], asked_at: datetime) -> int:
    """Store releases and return how many were new."""
    rows = FreqtradeVersion.objects.select_for_update(no_key=True)
    known = {row.version: row for row in rows}
    changed: list[FreqtradeVersion] = []
    new: list[FreqtradeVersion] = []
    for release in releases:
        row = known.get(release.version) or FreqtradeVersion(version=release.version)
        (changed if row.pk else new).append(_told(row, release, asked_at))
    FreqtradeVersion.objects.bulk_update(changed, _COLUMNS, batch_size=200)
    # Somebody may have recorded an installation of one at this very moment.
    FreqtradeVersion.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)


def _told(
    row: FreqtradeVersion, release: Release, asked_at: datetime
) -> FreqtradeVersion:
    """Write what an index says to a row; what it does not say stays."""
    row.type = version_kind(release.version)
    row.changelog_url = changes_address(release.version)
    about: dict[str, Any] = {"listed_at": asked_at.isoformat()}
    if release.uploaded is not None:
        row.release_date = release.uploaded.date()
        about["upload_time"] = release.uploaded.isoformat()
    if release.url:
        row.download_url = release.url
        about["yanked"] = release.yanked
        about["python"] = release.requires_python
    if release.size is not None:
        about["size"] = release.size
    row.compatibility_info = {**row.compatibility_info, **about}
    return row

"""The list of releases as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from freqtrade_mgmt.interpreter import base_python_version
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.releases import is_version, version_key
from freqtrade_mgmt.versions.journal import Type
from freqtrade_mgmt.versions.listing import versions_listed
from proxies.selectors import proxies_enabled
from proxies.words import choice_words

if TYPE_CHECKING:
    from freqtrade_mgmt.versions.listing import ListedVersion

# Of those that are not installed; older ones are a click away.
NEWEST: Final = 8
TYPES: Final = {
    "stable": _("stable"),
    "beta": _("beta"),
    "alpha": _("alpha"),
}


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A release, and what may be asked of it."""

    listed: ListedVersion
    newer: bool

    @property
    def type_label(self) -> str:
        """How finished it is."""
        return str(TYPES.get(self.listed.type, self.listed.type))

    @property
    def can_install(self) -> bool:
        """Whether it may be installed now."""
        listed = self.listed
        return listed.fits and not listed.installed and listed.operation is None

    @property
    def can_move(self) -> bool:
        """Whether the strategies may move to it."""
        return self.listed.installed and not self.listed.current


@dataclass(frozen=True, slots=True)
class Releases:
    """The rows that are shown, of ``count`` known ones, and what stands above them.

    ``newest`` is the newest stable release that fits and is newer than the current one;
    ``size`` the bytes of all environments together; ``python`` ours, such as 3.12.
    """

    rows: tuple[ReleaseRow, ...]
    count: int
    current: ListedVersion | None
    newest: ReleaseRow | None
    size: int
    installed: int
    python: str


def releases_shown(*, everything: bool = False) -> Releases:
    """Return the releases: the installed ones first, then the newest."""
    listed = versions_listed()
    current = next((each for each in listed if each.current), None)
    rows = [ReleaseRow(each, _newer(each, current)) for each in listed]
    here = [row for row in rows if row.listed.installed or row.listed.operation]
    rest = [row for row in rows if row not in here]
    stable = [row for row in rest if row.listed.type == "stable"]
    best = next((row for row in rows if _is_good(row)), None)
    return Releases(
        rows=tuple(here + (rest if everything else stable[:NEWEST])),
        count=len(rows),
        current=current,
        newest=best if best is not None and best.newer else None,
        size=sum(each.size or 0 for each in listed),
        installed=sum(each.installed for each in listed),
        python=".".join(str(part) for part in base_python_version()),
    )


def install_proxies() -> tuple[list[tuple[int, str]], int | None]:
    """Return the proxies to install through, and the one that was taken last."""
    found = [(proxy.pk, choice_words(proxy)) for proxy in proxies_enabled()]
    installs = FreqtradeUpgrade.objects.filter(upgrade_type=Type.INSTALL)
    last = installs.order_by("-id").values_list("migration_log__proxy", flat=True)
    return found, last.first()


def version_known(version: str) -> bool:
    """Tell whether a release is in the list."""
    return (
        is_version(version)
        and FreqtradeVersion.objects.filter(version=version).exists()
    )


def _is_good(row: ReleaseRow) -> bool:
    listed = row.listed
    return listed.type == "stable" and listed.fits and not listed.yanked


def _newer(each: ListedVersion, current: ListedVersion | None) -> bool:
    if current is None or not is_version(each.version):
        return current is None
    return version_key(each.version) > version_key(current.version)

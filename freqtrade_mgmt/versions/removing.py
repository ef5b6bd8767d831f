"""Removing a release, unless somebody needs it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.utils import timezone

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.installer import freqtrade_remove
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.selectors import current_version, upgrades
from freqtrade_mgmt.upgrades.log import operations
from freqtrade_mgmt.versions.journal import OPEN, Status
from freqtrade_mgmt.versions.places import freqtrade_root
from freqtrade_mgmt.versions.refreshing import version_gone
from freqtrade_mgmt.versions.requesting import install_open
from strategies.selectors import processes_open, strategies_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strategies.models import StrategyProcess

# For so long an upgrade can be rolled back without installing anything.
ROLLBACK: Final = timedelta(days=7)
_NAMES: Final = 5


def uninstall(version: str, *, give_up_rollback: bool = False) -> bool:
    """Remove a release's environment; return whether there was one.

    Raises ConfigurationError, which names the users, while it is in use: pinned by
    strategies, run by bots, the current version, part of an upgrade under way, or what
    the last upgrade could be rolled back to (unless that is given up). Raises
    InstallError while an installation runs.
    """
    with transaction.atomic():
        rows = FreqtradeVersion.objects.select_for_update(no_key=True)
        row = rows.filter(version=version).first()
        if reasons := uninstall_obstacles(version, give_up_rollback=give_up_rollback):
            raise ConfigurationError(
                f"freqtrade {version} cannot be uninstalled: {' '.join(reasons)}"
            )
        removed = freqtrade_remove(version, freqtrade_root())
        if row is not None and row.is_installed:
            version_gone(row)
    return removed


def uninstall_obstacles(version: str, *, give_up_rollback: bool = False) -> list[str]:
    """Return why a release may not be removed, in sentences that say what to do."""
    found = [
        _pinned(version),
        _running(version),
        _current(version),
        _under_way(version),
        "" if give_up_rollback else _way_back(version),
    ]
    return [reason for reason in found if reason]


def _pinned(version: str) -> str:
    names = strategies_all().filter(freqtrade_config__version=version)
    listed = _listed(names.order_by("name").values_list("name", flat=True))
    return f"It is pinned by {listed}; choose another version there." if listed else ""


def _running(version: str) -> str:
    bots = processes_open().filter(resource_usage__freqtrade_version=version)
    listed = _listed(_names(bots))
    return f"Bots run on it: {listed}; move or stop them." if listed else ""


def _names(bots: Iterable[StrategyProcess]) -> list[str]:
    ids = [bot.strategy_id for bot in bots if bot.strategy_id]
    found = strategies_all().filter(pk__in=ids).order_by("name")
    return list(found.values_list("name", flat=True))


def _current(version: str) -> str:
    if version != current_version():
        return ""
    return "It is the current version; upgrade or downgrade to another one first."


def _under_way(version: str) -> str:
    if row := install_open(version):
        return f"It is being installed (operation {row.pk}); cancel that first."
    # Also one that only checks: it loads strategies in that environment.
    moving = operations().filter(status__in=OPEN).order_by("id")
    for row in moving:
        if version in {row.from_version, row.to_version}:
            return f"Operation {row.pk} ({row}) is under way; wait for its end."
    return ""


def _way_back(version: str) -> str:
    last = upgrades().filter(status=Status.COMPLETED).order_by("-completed_at", "-id")
    row: FreqtradeUpgrade | None = last.first()
    if row is None or row.from_version != version or row.completed_at is None:
        return ""
    until = row.completed_at + ROLLBACK
    if until < timezone.now():
        return ""
    return (
        f"Operation {row.pk} ({row}) can be rolled back to it until {until:%Y-%m-%d}; wait"
        " until then, or say that the way back is given up."
    )


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    more = len(found) - _NAMES
    return ", ".join(found[:_NAMES]) + (f" and {more} more" if more > 0 else "")

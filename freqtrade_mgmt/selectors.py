"""Reading what is known about freqtrade."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.db.models import F

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.installer import freqtrade_installed
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.versions.places import freqtrade_root
from strategies.selectors import strategies_all

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet


@dataclass(frozen=True, slots=True)
class Standing:
    """Which version strategies without a pin run on: ``current``, or ``target`` when an
    upgrade is under way and has moved them already. None: nothing is installed.
    """

    current: str | None
    target: str | None = None
    moved: frozenset[int] = frozenset()

    def version(self, strategy_id: int, pin: str | None) -> str | None:
        """Return the version that a strategy is to run on."""
        if pin:
            return pin
        return self.target if strategy_id in self.moved else self.current


def version_order(version: str) -> tuple[int, ...]:
    """Return a version such as 2026.9.1 as numbers that sort."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def upgrades() -> QuerySet[FreqtradeUpgrade]:
    """Return the upgrades and downgrades, without those that only checked."""
    kinds = [FreqtradeUpgrade.Type.UPGRADE, FreqtradeUpgrade.Type.DOWNGRADE]
    rows = FreqtradeUpgrade.objects.filter(upgrade_type__in=kinds)
    return rows.filter(migration_log__only_check__isnull=True)


def standing() -> Standing:
    """Return what decides which freqtrade each strategy runs on."""
    state = FreqtradeUpgrade.Status
    columns = ("status", "from_version", "to_version", "migration_log__moved")
    under_way = (
        upgrades().filter(status=state.IN_PROGRESS).values_list(*columns).first()
    )
    if under_way is not None:
        _status, old, new, moved = under_way
        return Standing(old, new, frozenset(moved or ()))
    ended = upgrades().filter(
        status__in=[state.COMPLETED, state.FAILED, state.ROLLED_BACK],
        from_version__isnull=False,
    )
    newest = F("completed_at").desc(nulls_last=True)
    row = ended.order_by(newest, "-id").values_list(*columns).first()
    if row is None:
        return Standing(_first_installed())
    return Standing(row[2] if row[0] == state.COMPLETED else row[1])


def current_version() -> str | None:
    """Return the freqtrade that strategies without a pin run on.

    The last upgrade decides. Before the first one it is the one installed first, so
    that merely installing a newer release moves nothing. None when none is installed.
    """
    return standing().current


def versions_wanted(strategy_ids: Collection[int]) -> dict[int, str]:
    """Return the freqtrade that each of these strategies is to run on.

    What has no version, because nothing is installed, is left out.
    """
    now = standing()
    pins = strategies_all().filter(pk__in=strategy_ids)
    found = pins.values_list("id", "freqtrade_config__version")
    wanted = {key: now.version(key, pin) for key, pin in found}
    return {key: version for key, version in wanted.items() if version}


def python_here(version: str, python: Path) -> Path | None:
    """Return the interpreter of an installed release on this machine.

    It lies where it was recorded, or, where another machine recorded it, in the folder of
    our own; None: nowhere here.
    """
    if python.exists():
        return python
    root = freqtrade_root()
    own = next((i for i in freqtrade_installed(root) if i.version == version), None)
    return None if own is None else own.python


def _first_installed() -> str | None:
    rows = FreqtradeVersion.objects.filter(
        is_installed=True, install_path__isnull=False
    )
    first = rows.order_by(F("install_date").asc(nulls_last=True), "id")
    return first.values_list("version", flat=True).first()


def environment_python(wanted: str | None) -> tuple[str, Path]:
    """Return a version and its interpreter: the wanted one, else the current one.

    Raises ConfigurationError when it is not installed.
    """
    installed = {
        row.version: row.install_path
        for row in FreqtradeVersion.objects.filter(is_installed=True)
        if row.install_path
    }
    if wanted and wanted not in installed:
        raise ConfigurationError(
            f"freqtrade {wanted} is not installed. Install it with: manage.py freqtrade"
            f" install {wanted}; or clear the strategy's version."
        )
    if not installed:
        raise ConfigurationError(
            "No freqtrade is installed. Install one with: manage.py freqtrade install"
        )
    version = wanted or current_version()
    if version not in installed:
        raise ConfigurationError(
            f"freqtrade {version}, the current version, is not installed any more. Install"
            f" it with: manage.py freqtrade install {version}; or move to another one with:"
            " manage.py freqtrade upgrade."
        )
    python = Path(installed[version]) / "bin" / "python"
    return version, python_here(version, python) or python

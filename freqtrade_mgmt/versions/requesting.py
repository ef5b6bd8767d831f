"""Asking for an installation, and taking that back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.installer import freqtrade_installed
from freqtrade_mgmt.interpreter import base_python_version
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.releases import python_fits, version_checked, version_key
from freqtrade_mgmt.versions.journal import OPEN, Status, operation_cancel_ask, step_of
from freqtrade_mgmt.versions.places import freqtrade_root
from freqtrade_mgmt.versions.ways import install_way

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accounts.models import User


@transaction.atomic
def install_request(
    version: str, *, user: User | None = None, proxy: int | None = None
) -> FreqtradeUpgrade:
    """Ask the supervisor to install a release; return the row that says how it goes.

    ``proxy`` (proxies.id) is the way to the package index. Raises ConfigurationError,
    with what to do, for a release that is not known, does not fit the Python here, is
    installed or is being installed.
    """
    version_checked(version)
    # Locked, so that of two who ask at one moment one is told of the other.
    rows = FreqtradeVersion.objects.select_for_update(no_key=True)
    known = rows.filter(version=version).first()
    if known is None:
        raise ConfigurationError(_unknown(version))
    demand = str(known.compatibility_info.get("python") or "")
    if not python_fits(demand, base_python_version()):
        raise ConfigurationError(_unfit(version, demand))
    if version in {item.version for item in freqtrade_installed(freqtrade_root())}:
        raise ConfigurationError(
            f"freqtrade {version} is installed already. Uninstall it first to have it made"
            " again."
        )
    if under_way := install_open(version):
        raise ConfigurationError(
            f"freqtrade {version} is being installed (operation {under_way.pk}). Wait for"
            " its end, or cancel it."
        )
    install_way(proxy)
    return FreqtradeUpgrade.objects.create(
        to_version=version,
        upgrade_type=FreqtradeUpgrade.Type.INSTALL,
        status=Status.PENDING,
        migration_log={
            "steps": [step_of("asked", {})],
            "progress": {"bytes": 0, "total": None, "step": "asked", "percent": None},
            "proxy": proxy,
        },
        user=user,
    )


def install_cancel(operation_id: int) -> str:
    """Ask for the end of an installation; return its status now.

    One that has not begun ends at once, another within a second or two, and what it
    had made is removed. Raises ConfigurationError when there is none to end.
    """
    row = FreqtradeUpgrade.objects.filter(
        pk=operation_id, upgrade_type=FreqtradeUpgrade.Type.INSTALL
    ).first()
    if row is None or row.status not in OPEN:
        raise ConfigurationError(
            f"Installation {operation_id} does not run, so it cannot be cancelled."
        )
    return operation_cancel_ask(operation_id) or ""


def install_open(version: str) -> FreqtradeUpgrade | None:
    """Return the installation of a release that is asked for or runs."""
    return (
        FreqtradeUpgrade.objects.filter(
            to_version=version,
            upgrade_type=FreqtradeUpgrade.Type.INSTALL,
            status__in=OPEN,
        )
        .order_by("id")
        .first()
    )


def newest_release() -> str | None:
    """Return the newest known stable release that fits the Python here, not withdrawn."""
    python = base_python_version()
    return _newest(
        version
        for version, about in _stable()
        if python_fits(str(about.get("python") or ""), python)
        and not about.get("yanked")
    )


def is_newest(version: str) -> bool:
    """Tell whether no stable release is known that is newer."""
    newest = _newest(known for known, _about in _stable())
    return newest is None or version_key(version) >= version_key(newest)


def _stable() -> Iterable[tuple[str, dict[str, object]]]:
    rows = FreqtradeVersion.objects.filter(type=FreqtradeVersion.Type.STABLE)
    return rows.values_list("version", "compatibility_info")


def _newest(versions: Iterable[str]) -> str | None:
    return max(versions, key=version_key, default=None)


def _unknown(version: str) -> str:
    newest = newest_release()
    known = f" The newest one that fits is {newest}." if newest else ""
    return (
        f"freqtrade {version} is not among the known releases.{known} Refresh the list of"
        " releases, or choose one of it."
    )


def _unfit(version: str, demand: str) -> str:
    python = ".".join(str(part) for part in base_python_version())
    newest = newest_release()
    other = f", such as {newest}" if newest else ""
    return (
        f"freqtrade {version} asks for Python {demand}, but environments are made with"
        f" Python {python} here. Choose another release{other}."
    )

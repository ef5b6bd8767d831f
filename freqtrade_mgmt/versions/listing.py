"""What pages, API and commands show of releases and installations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freqtrade_mgmt.cache.installs import (
    operations_progress_read,
    releases_state_read,
)
from freqtrade_mgmt.installer import freqtrade_installed
from freqtrade_mgmt.interpreter import base_python_version
from freqtrade_mgmt.leases.where import only_here
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.releases import is_version, python_fits, version_key
from freqtrade_mgmt.selectors import current_version, versions_wanted
from freqtrade_mgmt.versions.journal import OPEN
from freqtrade_mgmt.versions.places import freqtrade_root
from freqtrade_mgmt.versions.words import step_shown
from strategies.selectors import processes_open, strategies_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date


@dataclass(frozen=True, slots=True)
class VersionUse:
    """A strategy that is to run on a release: pinned, or because it is the current one."""

    strategy_id: int
    name: str
    pinned: bool
    running: bool


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """One release as it is shown.

    ``size`` is the bytes of its environment on disk, None where none is installed;
    ``fits`` whether the Python here is allowed; ``operation`` the installation that is
    asked for or runs (freqtrade_upgrade_history.id). ``compatibility`` is as stored.
    """

    id: int
    version: str
    type: str
    release_date: date | None
    requires_python: str
    fits: bool
    yanked: bool
    installed: bool
    install_date: datetime | None
    size: int | None
    current: bool
    download_url: str
    changelog_url: str
    operation: int | None = None
    used_by: tuple[VersionUse, ...] = ()
    compatibility: Mapping[str, Any] = field(default_factory=dict)

    @property
    def running(self) -> int:
        """How many bots run on it."""
        return sum(use.running for use in self.used_by)

    @property
    def notes(self) -> list[str]:
        """Codes of what is worth a word: python, yanked, prerelease."""
        wrong = {
            "python": not self.fits,
            "yanked": self.yanked,
            "prerelease": self.type != "stable",
        }
        return [code for code, holds in wrong.items() if holds]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation with its steps, as it is shown.

    ``steps`` are {"at", "step", "words", "data"} with the words in the reader's
    language; ``progress`` is {"bytes", "total", "step", "percent", "line"}, of Redis
    where that is newer.
    """

    id: int
    type: str
    status: str
    version: str
    from_version: str | None
    started_at: datetime
    completed_at: datetime | None
    error: str
    user: str
    proxy: int | None
    steps: tuple[Mapping[str, Any], ...]
    progress: Mapping[str, Any]

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class ReleasesState:
    """When the package index last told its releases, when it was asked, and its problem.

    ``problem`` is a sentence without secrets, "" when all is well or nobody knows.
    """

    listed_at: datetime | None
    asked_at: datetime | None = None
    problem: str = ""


def versions_listed() -> list[ListedVersion]:
    """Return every known release, the newest first."""
    sizes = {item.version: item.size for item in freqtrade_installed(freqtrade_root())}
    uses = _uses()
    current = current_version()
    operations = {
        row.to_version: row.pk
        for row in _installs().filter(status__in=OPEN).order_by("-id")
    }
    rows = [
        _listed(row, sizes, current, operations.get(row.version), uses)
        for row in FreqtradeVersion.objects.all()
    ]
    # What somebody wrote into the table by hand comes last.
    return sorted(rows, key=lambda each: _order(each.version), reverse=True)


def version_listed(version: str) -> ListedVersion | None:
    """Return one release."""
    return next((each for each in versions_listed() if each.version == version), None)


def releases_state() -> ReleasesState:
    """Return how up to date the list of releases is."""
    told = FreqtradeVersion.objects.values_list(
        "compatibility_info__listed_at", flat=True
    )
    state = releases_state_read()
    return ReleasesState(
        listed_at=_moment(max((text for text in told if text), default=None)),
        asked_at=_moment(state.get("asked_at")),
        problem=str(state.get("problem") or ""),
    )


def installs_running() -> list[Operation]:
    """Return the installations that are asked for or run, in their order."""
    return _operations(_installs().filter(status__in=OPEN).order_by("id"))


def operations_listed(limit: int = 50) -> list[Operation]:
    """Return the newest operations of every kind, the newest first."""
    rows = FreqtradeUpgrade.objects.select_related("user").order_by("-id")
    return _operations(rows[:limit])


def operation(operation_id: int) -> Operation | None:
    """Return one operation with its steps."""
    rows = FreqtradeUpgrade.objects.select_related("user").filter(pk=operation_id)
    return next(iter(_operations(rows)), None)


def _installs() -> Any:
    return FreqtradeUpgrade.objects.select_related("user").filter(
        upgrade_type=FreqtradeUpgrade.Type.INSTALL
    )


def _operations(rows: Iterable[FreqtradeUpgrade]) -> list[Operation]:
    found = list(rows)
    live = operations_progress_read([row.pk for row in found if row.status in OPEN])
    return [_operation(row, live.get(row.pk)) for row in found]


def _operation(row: FreqtradeUpgrade, live: Mapping[str, Any] | None) -> Operation:
    log = row.migration_log
    steps = [step for step in log.get("steps") or [] if isinstance(step, dict)]
    return Operation(
        id=row.pk,
        type=row.upgrade_type,
        status=row.status,
        version=row.to_version,
        from_version=row.from_version,
        started_at=row.started_at,
        completed_at=row.completed_at,
        error=row.error_message or "",
        user=str(row.user or ""),
        proxy=log.get("proxy"),
        steps=tuple({**step, "words": step_shown(step)} for step in steps),
        progress=live or log.get("progress") or {},
    )


def _uses() -> dict[str, list[VersionUse]]:
    """Return the users of each release by version: who shall run and who runs on it."""
    strategies = list(
        strategies_all().order_by("name").values("id", "name", "freqtrade_config")
    )
    wanted = versions_wanted([row["id"] for row in strategies])
    running = {
        process.strategy_id: process.resource_usage.get("freqtrade_version")
        for process in processes_open()
    }
    found: dict[str, list[VersionUse]] = {}
    for row in strategies:
        key, pinned = row["id"], bool(row["freqtrade_config"].get("version"))
        for version in {wanted.get(key), running.get(key)} - {None, ""}:
            use = VersionUse(key, row["name"], pinned, running.get(key) == version)
            found.setdefault(str(version), []).append(use)
    return found


def _listed(
    row: FreqtradeVersion,
    sizes: Mapping[str, int],
    current: str | None,
    operation_id: int | None,
    uses: Mapping[str, list[VersionUse]],
) -> ListedVersion:
    about = row.compatibility_info
    demand = str(about.get("python") or "")
    installed = row.is_installed and _is_there(row, sizes)
    return ListedVersion(
        id=row.pk,
        version=row.version,
        type=row.type,
        release_date=row.release_date,
        requires_python=demand,
        fits=python_fits(demand, base_python_version()),
        yanked=bool(about.get("yanked")),
        installed=installed,
        install_date=row.install_date if installed else None,
        size=(sizes.get(row.version) or about.get("installed_size"))
        if installed
        else None,
        current=row.version == current,
        download_url=row.download_url or "",
        changelog_url=row.changelog_url or "",
        operation=operation_id,
        used_by=tuple(uses.get(row.version, ())),
        compatibility=about,
    )


def _is_there(row: FreqtradeVersion, sizes: Mapping[str, int]) -> bool:
    if row.version in sizes or not only_here():
        return True
    path = Path(row.install_path or "/nowhere")
    return path.parent != freqtrade_root() and (path / "bin" / "python").exists()


def _order(version: str) -> tuple[bool, Any]:
    known = is_version(version)
    return known, version_key(version) if known else version


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None

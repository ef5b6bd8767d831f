"""Installations as recorded operations, with a tiny freqtrade from an index of ours."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.process_list import processes_now
from freqtrade_mgmt.cache.installs import operations_progress_read
from freqtrade_mgmt.installer import making
from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.services import freqtrade_root, install_request, releases_refresh
from freqtrade_mgmt.supervisor.carrying import install_carry_out
from freqtrade_mgmt.versions.listing import (
    installs_running,
    operation,
    operations_listed,
    version_listed,
)
from tests.freqtrade_mgmt.installs.carrying import WAY, carried, left, steps
from tests.freqtrade_mgmt.packages import (
    PASSWORD,
    PackageIndex,
    Tiny,
    broken_sdist,
    tiny_freqtrade,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accounts.models import User

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis_client"),
]


# -- What works ---------------------------------------------------------------


def test_an_installation_is_recorded_step_by_step_and_measured(
    index: PackageIndex,
) -> None:
    releases_refresh()
    asked = install_request("2026.10")
    assert asked.status == "pending"
    seen: list[dict[str, Any]] = []

    install_carry_out(
        asked.pk, seen=None, stop=lambda: False, told=lambda p: seen.append(dict(p))
    )

    asked.refresh_from_db()
    assert (asked.status, asked.error_message) == ("completed", None)
    assert asked.completed_at is not None
    assert steps(asked) == WAY
    assert asked.migration_log["progress"]["percent"] == 100
    assert "owner" not in asked.migration_log
    sizes = [each["bytes"] for each in seen]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 1_000
    row = FreqtradeVersion.objects.get(version="2026.10")
    assert row.is_installed
    assert row.install_path == str(freqtrade_root() / "2026.10")
    about = row.compatibility_info
    assert about["interface_version"] == 3
    assert about["trial"]["marks"] == {"enter_long": 7}
    assert 0 < about["startup_seconds"] < 60
    assert 1 < about["memory_mb"] < 1000
    assert about["checked_at"] > about["upload_time"]


def test_an_installation_is_shown_while_and_after_it_runs(
    index: PackageIndex, admin_user: User
) -> None:
    releases_refresh()
    asked = install_request("2026.10", user=admin_user)
    assert [each.id for each in installs_running()] == [asked.pk]
    install_carry_out(asked.pk, seen=None, stop=lambda: False)
    assert left() == ["2026.10"]
    shown = operation(asked.pk)
    assert shown is not None
    assert (shown.open, shown.user) == (False, str(admin_user))
    assert shown.steps[-1]["words"].startswith("freqtrade 2026.10 is installed (")
    assert operations_progress_read([asked.pk])[asked.pk]["bytes"] > 1_000
    assert installs_running() == []
    assert [each.id for each in operations_listed()] == [asked.pk]
    listed = version_listed("2026.10")
    assert listed is not None
    assert (listed.installed, listed.current, listed.operation) == (True, True, None)
    assert (listed.size or 0) > 1_000


def test_nothing_is_left_of_the_proof(index: PackageIndex, settings: Any) -> None:
    row, _ = carried("2026.10")
    assert row.status == "completed"
    assert not (settings.BTCW_HOME / "install-trials").exists()
    assert not [
        process
        for process in processes_now()
        if _works_in(process, str(settings.BTCW_HOME))
    ]


def _works_in(process: psutil.Process, folder: str) -> bool:
    try:
        return any(folder in part for part in process.cmdline())
    except psutil.Error:
        return False


# -- What is refused ----------------------------------------------------------


def test_what_cannot_be_installed_is_refused_with_what_to_do(
    index: PackageIndex,
) -> None:
    name = "freqtrade-2026.8-py3-none-any.whl"
    index.describe(name, **{"requires-python": ">=3.99"})
    releases_refresh()
    with pytest.raises(ConfigurationError, match=r"not among.*newest.*is 2026\.10"):
        install_request("1999.1")
    with pytest.raises(ConfigurationError, match="is not a version"):
        install_request("../evil")
    with pytest.raises(ConfigurationError, match=r"asks for Python >=3\.99.*2026\.10"):
        install_request("2026.8")
    with pytest.raises(ConfigurationError, match="Proxy 999 cannot be used"):
        install_request("2026.10", proxy=999)
    first = install_request("2026.10")
    with pytest.raises(ConfigurationError, match=f"operation {first.pk}"):
        install_request("2026.10")
    install_carry_out(first.pk, seen=None, stop=lambda: False)
    with pytest.raises(ConfigurationError, match="is installed already"):
        install_request("2026.10")


# -- What goes wrong ----------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (Tiny(exit_code=3), "ended with code 3"),
        (Tiny(refuses="no such interface"), "a strategy does not load in it"),
        (
            Tiny(bot_dies=True),
            "did not start, so it was removed: this release is broken",
        ),
    ],
)
def test_a_release_that_does_not_work_is_removed_and_told(
    index: PackageIndex, wheels: Path, how: Tiny, reason: str
) -> None:
    tiny_freqtrade(wheels, "2026.11", how)
    row, _ = carried("2026.11")
    assert row.status == "failed"
    assert reason in (row.error_message or "")
    assert steps(row)[-1] == "failed"
    assert left() == []
    assert not FreqtradeVersion.objects.get(version="2026.11").is_installed


def test_a_package_that_cannot_be_built_is_told(
    index: PackageIndex, wheels: Path
) -> None:
    for wheel in wheels.glob("pysocks-*"):
        wheel.unlink()
    broken_sdist(wheels, "pysocks")
    row, lines = carried("2026.10")
    assert row.status == "failed"
    assert "could not be built" in (row.error_message or "")
    assert "this package cannot be built here" in "\n".join(lines)
    assert "fallback" in steps(row)
    assert left() == []


@pytest.fixture
def small_disk(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB for the environments."""
    root: Path = settings.BTCW_HOME / "freqtrade"
    root.mkdir(parents=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(root)],
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield root
    subprocess.run(["umount", "--lazy", str(root)], check=True)


def test_a_disk_that_fills_up_is_told_and_can_be_repeated(
    index: PackageIndex,
    wheels: Path,
    small_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    releases_refresh()
    row, _ = carried("2026.10")
    assert row.status == "failed"
    assert "needs 1500 MB, but only 8 MB are free" in (row.error_message or "")
    monkeypatch.setattr(making, "_NEEDED_BYTES", 0)
    monkeypatch.setattr(making, "_NEEDED_FILES", 0)
    tiny_freqtrade(wheels, "2026.11", Tiny(ballast=20_000_000))
    row, _ = carried("2026.11")
    assert row.status == "failed"
    assert "The disk is full" in (row.error_message or "")
    assert "fallback" not in steps(row)
    assert left() == []
    assert carried("2026.10")[0].status == "completed"


def test_a_disk_without_room_for_files_is_told(
    index: PackageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "_NEEDED_FILES", 10**15)
    row, _ = carried("2026.10")
    assert "has room for" in (row.error_message or "")


@pytest.mark.parametrize("fault", [(500, b""), (200, b"{garbage")])
def test_an_index_that_fails_meanwhile_is_told_without_its_password(
    index: PackageIndex,
    fault: tuple[int, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    releases_refresh()
    row = install_request("2026.10")
    index.fail(*fault)
    install_carry_out(row.pk, seen=None, stop=lambda: False)
    row.refresh_from_db()
    assert row.status == "failed"
    assert "package index" in (row.error_message or "")
    assert PASSWORD not in json.dumps(row.migration_log) + str(row.error_message)
    index.mend()
    assert carried("2026.10")[0].status == "completed"

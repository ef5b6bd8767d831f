"""Installations as recorded operations, with a tiny freqtrade from an index of ours."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.process_list import processes_now
from freqtrade_mgmt.cache.installs import operations_progress_read
from freqtrade_mgmt.installer import InstallError, making
from freqtrade_mgmt.installer.child import INSTALL_MARK
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.services import (
    freqtrade_root,
    install_cancel,
    install_request,
    releases_refresh,
    uninstall,
)
from freqtrade_mgmt.supervisor import proving
from freqtrade_mgmt.supervisor.carrying import (
    MOST_TAKE_OVERS,
    install_carry_out,
    install_next,
    owner_lives,
    owner_new,
)
from freqtrade_mgmt.supervisor.installs import supervisor_lives
from freqtrade_mgmt.versions.journal import operation_finish, operation_take
from freqtrade_mgmt.versions.listing import (
    installs_running,
    operation,
    operations_listed,
    version_listed,
)
from strategies.services import process_started
from tests.freqtrade_mgmt.packages import (
    PASSWORD,
    PackageIndex,
    Tiny,
    broken_sdist,
    tiny_freqtrade,
)
from tests.freqtrade_mgmt.supervising import demo, supervisor_of_its_own
from tests.notifications.fakes import ProxyFake
from tests.proxies.fakes import proxy_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from accounts.models import User

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis_client"),
]

WAY = [
    "asked",
    "begun",
    "look_up",
    "environment",
    "download",
    "build",
    "compile",
    "verify",
    "trial",
    "run",
    "measured",
    "done",
]


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BTCW_HOME = tmp_path / "home"
    settings.LANGUAGE_CODE = "en"
    # Nobody listens there, so every proof brings an exchange of its own.
    settings.SIMULATOR_URL = "http://127.0.0.1:9/api/v3"
    monkeypatch.setattr(proving, "RUN_SECONDS", 0.3)


def carried(
    version: str,
    *,
    proxy: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    told: Callable[[Mapping[str, Any]], None] = lambda _progress: None,
) -> tuple[FreqtradeUpgrade, list[str]]:
    """Ask for an installation and carry it out; return its row and its lines."""
    releases_refresh()
    row = install_request(version, proxy=proxy)
    lines: list[str] = []
    install_carry_out(row.pk, seen=None, stop=stop, say=lines.append, told=told)
    row.refresh_from_db()
    return row, lines


def steps(row: FreqtradeUpgrade) -> list[str]:
    return [step["step"] for step in row.migration_log["steps"]]


def left() -> list[str]:
    """Return what lies in the folder of environments, but the lock."""
    found = freqtrade_root().iterdir() if freqtrade_root().is_dir() else ()
    return sorted(path.name for path in found if path.name != ".lock")


def marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in processes_now():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(INSTALL_MARK) == mark:
                found.append(process)
    return found


def installing(mark: str) -> list[psutil.Process]:
    """Return the tools that install at this moment; they wait for the index."""
    with contextlib.suppress(psutil.Error):
        return [each for each in marked(mark) if "install" in each.cmdline()]
    return []


def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds:.0f} s"
        time.sleep(0.1)
    return found


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


# -- Ending early -------------------------------------------------------------


def test_a_running_installation_is_cancelled(index: PackageIndex) -> None:
    def told(progress: Mapping[str, Any]) -> None:
        if progress["step"] == "environment":
            index.hold()
            assert install_cancel(installs_running()[0].id) == "in_progress"

    began = time.monotonic()
    row, _ = carried("2026.10", told=told)
    assert (row.status, row.error_message) == ("failed", "It was cancelled.")
    assert time.monotonic() - began < 30
    assert steps(row)[-1] == "cancelled"
    assert left() == []
    with pytest.raises(ConfigurationError, match="does not run"):
        install_cancel(row.pk)


def test_an_installation_that_has_not_begun_is_cancelled_at_once(
    index: PackageIndex,
) -> None:
    releases_refresh()
    row = install_request("2026.10")
    assert install_cancel(row.pk) == "failed"
    assert not install_carry_out(row.pk, seen=None, stop=lambda: False)
    assert install_next() is None


def test_a_supervisor_that_ends_leaves_it_to_the_next(index: PackageIndex) -> None:
    stops: list[bool] = []

    def told(progress: Mapping[str, Any]) -> None:
        if progress["step"] == "environment":
            index.hold()
            stops.append(True)

    row, _ = carried("2026.10", stop=lambda: bool(stops), told=told)
    assert row.status == "pending"
    assert steps(row)[-1] == "interrupted"
    assert left() == []
    index.release()
    assert install_next() == (row.pk, None)
    assert install_carry_out(row.pk, seen=None, stop=lambda: False)
    row.refresh_from_db()
    assert row.status == "completed"


def test_only_one_carries_an_installation_out(index: PackageIndex) -> None:
    releases_refresh()
    row = install_request("2026.10")
    dead = {**owner_new(), "pid": 2**22 - 1}
    assert operation_take(row.pk, dead, seen=None) is not None
    assert operation_take(row.pk, owner_new(), seen=None) is None
    assert not owner_lives(dead)
    assert not owner_lives({})
    assert owner_lives(owner_new())
    assert install_next() == (row.pk, dead)
    # Process 1 lives, and it is not we.
    first = psutil.Process(1)
    other = {"pid": 1, "create_time": first.create_time()}
    assert operation_take(row.pk, other, seen=dead) is not None
    assert install_next() is None


def test_an_installation_that_kills_whoever_does_it_is_given_up(
    index: PackageIndex,
) -> None:
    releases_refresh()
    row = install_request("2026.10")
    seen = None
    for number in range(MOST_TAKE_OVERS + 1):
        dead = {**owner_new(), "pid": 2**22 - 1 - number}
        assert operation_take(row.pk, dead, seen=seen) is not None
        seen = dead
    assert install_carry_out(row.pk, seen=seen, stop=lambda: False)
    row.refresh_from_db()
    assert row.status == "failed"
    assert "given up" in (row.error_message or "")


@pytest.mark.faults
@pytest.mark.timeout(240)
@pytest.mark.django_db(transaction=True)
def test_a_supervisor_killed_in_the_middle_is_followed_by_one_that_finishes(
    index: PackageIndex, settings: Any
) -> None:
    settings.BTCW_HOME.mkdir()
    releases_refresh()
    index.hold()
    row = install_request("2026.10")

    def state() -> FreqtradeUpgrade:
        row.refresh_from_db()
        return row

    with supervisor_of_its_own(settings) as first:
        until(lambda: "2026.10" in left(), "the environment")
        mark = state().migration_log["owner"]["mark"]
        children = until(lambda: installing(mark), "the tool that installs")
        assert supervisor_lives()
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert state().status == "in_progress"
    assert any(child.is_running() for child in children)
    assert "2026.10" in left()

    index.release()
    with supervisor_of_its_own(settings):
        until(lambda: state().status != "in_progress", "its end", 120)
    assert (row.status, row.error_message) == ("completed", None)
    assert steps(row).count("taken_over") == 1
    assert "clean" in steps(row)
    assert left() == ["2026.10"]
    assert marked(mark) == []
    assert FreqtradeVersion.objects.get(version="2026.10").is_installed


# -- Through a proxy ----------------------------------------------------------


@pytest.mark.parametrize("kind", ["http", "socks4", "socks5"])
@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_the_installer_goes_through_a_proxy(
    index: PackageIndex,
    tmp_path: Path,
    kind: str,
    tool: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    through(index, tmp_path)
    monkeypatch.setenv("NO_PROXY", "index.test,127.0.0.1")
    if tool == "pip":
        monkeypatch.setenv("UV_PYTHON_PREFERENCE", "there is no such value")
    with ProxyFake() as between:
        between.hosts["index.test"] = "127.0.0.1"
        login: dict[str, Any] = {}
        if kind != "socks4":
            between.password = "proxy-secret"
            login = {"username": "user", "password": "proxy-secret"}
        proxy = proxy_row(between.port, kind, **login)
        asked = releases_refresh(proxy=proxy.pk)
        assert asked.problem == ""
        row = install_request("2026.10", proxy=proxy.pk)
        lines: list[str] = []
        install_carry_out(row.pk, seen=None, stop=lambda: False, say=lines.append)
        row.refresh_from_db()
        assert (row.status, row.error_message) == ("completed", None), lines
        assert ("fallback" in steps(row)) is (tool == "pip")
        assert set(between.kinds) == {kind}
        assert {target.partition(":")[0] for target in between.targets} == {
            "index.test"
        }
    everything = "\n".join(lines) + json.dumps(row.migration_log)
    assert "proxy-secret" not in everything


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_wrong_password_of_the_proxy_is_told_and_not_shown(
    index: PackageIndex, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases_refresh()
    through(index, tmp_path)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with ProxyFake() as between:
        between.password = "another"
        proxy = proxy_row(between.port, kind, username="user", password="wrong/secret")
        row = install_request("2026.10", proxy=proxy.pk)
        lines: list[str] = []
        install_carry_out(row.pk, seen=None, stop=lambda: False, say=lines.append)
        row.refresh_from_db()
        asked = releases_refresh(proxy=proxy.pk)
    assert row.status == "failed"
    assert "proxy did not accept the user name or the password" in str(
        row.error_message
    ), row.error_message
    everything = "\n".join(lines) + json.dumps(row.migration_log) + asked.problem
    everything += str(row.error_message)
    assert "secret" not in everything.replace(PASSWORD, "")
    assert PASSWORD not in everything
    assert "proxy" in asked.problem


def through(index: PackageIndex, tmp_path: Path) -> None:
    """Configure the index by a name that only the proxy knows."""
    url = index.url.replace("127.0.0.1", "index.test")
    text = f"[global]\nindex-url = {url}\ntrusted-host = index.test\nretries = 0\n"
    (tmp_path / "pip.conf").write_text(text)


# -- Removing -----------------------------------------------------------------


def test_a_release_in_use_is_not_removed_and_its_users_are_named(
    index: PackageIndex,
) -> None:
    for version in ("2026.8", "2026.10"):
        carried(version)
    with pytest.raises(ConfigurationError, match="It is the current version"):
        uninstall("2026.8")
    pinned = demo(0, freqtrade_config={"version": "2026.10"})
    with pytest.raises(ConfigurationError, match=f"pinned by {pinned.name}"):
        uninstall("2026.10")
    type(pinned).objects.filter(pk=pinned.pk).update(freqtrade_config={})
    bot = process_started(pinned.pk, details={"freqtrade_version": "2026.10"})
    with pytest.raises(ConfigurationError, match=f"Bots run on it: {pinned.name}"):
        uninstall("2026.10")
    bot.delete()
    listed = version_listed("2026.8")
    assert listed is not None
    assert [use.name for use in listed.used_by] == [pinned.name]
    assert uninstall("2026.10")
    assert left() == ["2026.8"]
    assert not FreqtradeVersion.objects.get(version="2026.10").is_installed
    assert not uninstall("2026.10")


def test_what_an_upgrade_needs_is_not_removed(index: PackageIndex) -> None:
    for version in ("2026.8", "2026.10"):
        carried(version)
    move = FreqtradeUpgrade.objects.create(
        from_version="2026.8",
        to_version="2026.10",
        upgrade_type="upgrade",
        status="in_progress",
    )
    with pytest.raises(ConfigurationError, match=f"Operation {move.pk} .*under way"):
        uninstall("2026.10")
    operation_finish(move.pk, "completed", "done", {"version": "", "seconds": 0})
    with pytest.raises(ConfigurationError, match="can be rolled back to it until"):
        uninstall("2026.8")
    long_ago = timezone.now() - timedelta(days=8)
    FreqtradeUpgrade.objects.filter(pk=move.pk).update(completed_at=long_ago)
    assert uninstall("2026.8")


def test_nothing_is_removed_while_an_installation_runs(index: PackageIndex) -> None:
    for version in ("2026.8", "2026.10"):
        carried(version)
    root = freqtrade_root()
    with (
        making.installation_lock(root, lambda _line: None),
        pytest.raises(InstallError, match="An installation of freqtrade runs"),
    ):
        uninstall("2026.10")
    assert FreqtradeVersion.objects.get(version="2026.10").is_installed


# -- Commands -----------------------------------------------------------------


def test_the_commands_list_install_and_remove(
    index: PackageIndex, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("freqtrade", "install", "2026.8")
    output = capsys.readouterr().out
    assert "Installing freqtrade 2026.8 with uv." in output
    ready = f"freqtrade 2026.8 is ready in {freqtrade_root()}/2026.8."
    assert output.rstrip().endswith(ready)

    call_command("freqtrade", "install", "--json")
    assert json.loads(capsys.readouterr().out) == {
        "version": "2026.10",
        "path": str(freqtrade_root() / "2026.10"),
    }
    call_command("freqtrade", "install")
    assert "freqtrade 2026.10 is already installed." in capsys.readouterr().out

    call_command("freqtrade", "list", "--json")
    listed = json.loads(capsys.readouterr().out)
    assert [each["version"] for each in listed] == ["2026.10", "2026.8"]
    assert listed[1]["current"] is True
    call_command("freqtrade", "list", "--refresh")
    table = capsys.readouterr().out
    assert "2026.8   2026-09-30  stable  current, installed (0 MB)" in table
    assert "The package index told this on" in table

    call_command("freqtrade", "uninstall", "2026.10")
    assert capsys.readouterr().out == "freqtrade 2026.10 was removed.\n"
    with pytest.raises(CommandError, match="It is the current version"):
        call_command("freqtrade", "uninstall", "2026.8")


def test_a_command_tells_an_error_as_a_sentence(index: PackageIndex) -> None:
    with pytest.raises(CommandError, match="'newest' is not a version"):
        call_command("freqtrade", "install", "newest")
    with pytest.raises(CommandError, match=r"There is no proxy 'x'\. Known are: none"):
        call_command("freqtrade", "install", "--proxy", "x")
    with pytest.raises(CommandError, match="is not among the known releases"):
        call_command("freqtrade", "install", "1999.1")


def test_without_an_index_the_newest_installed_one_is_used_and_said(
    index: PackageIndex, capsys: pytest.CaptureFixture[str]
) -> None:
    index.fail(500)
    with pytest.raises(CommandError, match="could not be looked up"):
        call_command("freqtrade", "install")
    index.mend()
    carried("2026.8")
    index.fail(500)
    capsys.readouterr()
    call_command("freqtrade", "install")
    assert "using freqtrade 2026.8, which is installed" in capsys.readouterr().out


@pytest.mark.faults
@pytest.mark.timeout(240)
@pytest.mark.django_db(transaction=True)
def test_with_a_supervisor_the_command_follows_it(
    index: PackageIndex, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.BTCW_HOME.mkdir()
    with supervisor_of_its_own(settings) as supervisor:
        until(supervisor_lives, "the supervisor")
        call_command("freqtrade", "install", "2026.10")
        assert supervisor.poll() is None
    output = capsys.readouterr().out
    assert "The installation was asked for." in output
    assert "Installing freqtrade" not in output
    [row] = FreqtradeUpgrade.objects.all()
    assert (row.status, steps(row)) == ("completed", WAY)
    assert os.getpid() != supervisor.pid

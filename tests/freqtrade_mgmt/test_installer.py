"""Installing freqtrade, with a tiny one from an index of our own."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.installer import (
    InstallError,
    freqtrade_install,
    freqtrade_installed,
)
from freqtrade_mgmt.installer import making as installer
from freqtrade_mgmt.installer.child import INSTALL_MARK, run_child
from freqtrade_mgmt.pip_settings import (
    PipSettings,
    pip_default_index,
    pip_settings_parse,
    without_credentials,
)
from freqtrade_mgmt.release_index import published_before
from freqtrade_mgmt.releases import (
    newest_in_pip_output,
    newest_in_uv_output,
    version_checked,
    version_key,
    version_kind,
)
from tests.freqtrade_mgmt.packages import (
    PASSWORD,
    PUBLISHED,
    PackageIndex,
    tiny_freqtrade,
    wheel_write,
)

if TYPE_CHECKING:
    from pathlib import Path

    from freqtrade_mgmt.installer import InstalledFreqtrade


def install(
    root: Path, version: str | None = None
) -> tuple[InstalledFreqtrade, list[str]]:
    lines: list[str] = []
    return freqtrade_install(version, root, lines.append), lines


def test_the_newest_release_gets_an_environment_of_its_own(
    wheels: Path, tmp_path: Path
) -> None:
    done, lines = install(tmp_path / "root")
    assert done.version == "2026.10"
    assert done.path == tmp_path / "root" / "2026.10"
    assert done.python.is_file()
    assert done.seconds > 0
    assert "Installing freqtrade 2026.10 with uv." in lines
    assert any("freqtrade==2026.10" in line for line in lines)
    assert lines[-1].startswith("freqtrade 2026.10 is installed")
    installed = {path.name for path in done.path.glob("lib/*/site-packages/*.py")}
    assert installed >= {"pysocks.py", "aiohttp_socks.py"}


def test_it_is_compiled_whatever_our_own_environment_says(
    wheels: Path, tmp_path: Path
) -> None:
    done, _ = install(tmp_path)
    assert list(done.path.glob("lib/*/site-packages/freqtrade/__pycache__/*.pyc"))


def test_a_second_time_nothing_is_done(wheels: Path, tmp_path: Path) -> None:
    first, _ = install(tmp_path)
    inode = first.python.parent.stat().st_ino
    second, lines = install(tmp_path)
    assert second == first
    assert lines[-1] == "freqtrade 2026.10 is already installed."
    assert second.python.parent.stat().st_ino == inode


def test_several_releases_lie_side_by_side(wheels: Path, tmp_path: Path) -> None:
    install(tmp_path, "2026.10")
    install(tmp_path, "2026.8")
    (tmp_path / "2026.11").mkdir()
    assert [item.version for item in freqtrade_installed(tmp_path)] == [
        "2026.10",
        "2026.8",
    ]


def test_pip_does_it_where_uv_fails(wheels: Path, no_uv: None, tmp_path: Path) -> None:
    done, lines = install(tmp_path)
    assert done.version == "2026.10"
    assert "uv did not succeed; trying again with pip." in lines
    assert list(done.path.glob("lib/*/site-packages/freqtrade/__pycache__/*.pyc"))


def test_without_an_index_the_newest_installed_one_is_used_and_said(
    wheels: Path, tmp_path: Path
) -> None:
    install(tmp_path, "2026.8")
    for wheel in wheels.glob("freqtrade-*"):
        wheel.unlink()
    done, lines = install(tmp_path)
    assert done.version == "2026.8"
    assert any("using freqtrade 2026.8, which is installed" in line for line in lines)


def test_without_an_index_and_without_any_release_the_error_says_what_to_do(
    wheels: Path, tmp_path: Path
) -> None:
    for wheel in wheels.glob("freqtrade-*"):
        wheel.unlink()
    with pytest.raises(
        InstallError, match=r"could not be looked up\. Check the network"
    ):
        install(tmp_path)


def test_an_interrupted_installation_is_removed_and_repeated(
    wheels: Path, tmp_path: Path
) -> None:
    rest = tmp_path / "2026.10" / "lib" / "half.py"
    rest.parent.mkdir(parents=True)
    rest.touch()
    done, lines = install(tmp_path)
    assert "Removing an installation of 2026.10 that was interrupted." in lines
    assert done.python.is_file()
    assert not rest.exists()


def test_an_environment_whose_interpreter_has_gone_is_made_again(
    wheels: Path, tmp_path: Path
) -> None:
    first, _ = install(tmp_path)
    first.python.unlink()
    second, _ = install(tmp_path)
    assert second.python.is_file()


@pytest.mark.parametrize(
    "marker",
    ["", "{", "[]", '{"version": "2026.8", "seconds": 1}', '{"version": "2026.10"}'],
)
def test_a_damaged_marker_counts_as_interrupted(
    wheels: Path, tmp_path: Path, marker: str
) -> None:
    done, _ = install(tmp_path)
    [path] = done.path.glob("*.json")
    path.write_text(marker)
    assert freqtrade_installed(tmp_path) == []


def test_a_release_that_does_not_run_leaves_nothing_behind(
    wheels: Path, tmp_path: Path
) -> None:
    tiny_freqtrade(wheels, "2026.11", exit_code=3)
    with pytest.raises(InstallError, match=r"ended with code 3 (.|\n)*Version: tiny"):
        install(tmp_path, "2026.11")
    assert not (tmp_path / "2026.11").exists()


def test_a_release_that_does_not_exist_names_the_version(
    wheels: Path, tmp_path: Path
) -> None:
    with pytest.raises(InstallError, match=r"freqtrade==1999\.1"):
        install(tmp_path, "1999.1")
    assert not (tmp_path / "1999.1").exists()


@pytest.mark.parametrize(
    "version",
    ["../evil", "", "latest", "2026.9; rm", "1.2.3.4.5", "2026.9.0.123456789"],
)
def test_what_is_no_version_is_refused_before_anything_is_touched(
    version: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="is not a version of freqtrade"):
        install(tmp_path / "root", version)
    assert not (tmp_path / "root").exists()


def test_too_little_space_is_told_in_numbers(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installer, "_NEEDED_BYTES", 10**18)
    with pytest.raises(
        InstallError, match=r"needs 1000000000000 MB, but only \d+ MB are free at /"
    ):
        install(tmp_path)


def test_two_installations_at_once_do_not_collide(wheels: Path, tmp_path: Path) -> None:
    results: list[tuple[InstalledFreqtrade, list[str]]] = []
    threads = [
        threading.Thread(target=lambda: results.append(install(tmp_path)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0][0] == results[1][0]
    made = [lines for _, lines in results if "is installed" in lines[-1]]
    assert len(made) == 1


def test_an_index_with_a_password_works_with_uv_and_the_password_stays_secret(
    index: PackageIndex, tmp_path: Path
) -> None:
    done, lines = install(tmp_path)
    assert done.version == "2026.10"
    assert "uv did not succeed; trying again with pip." not in lines
    assert not any(PASSWORD in line for line in lines)


def test_an_index_with_a_password_works_with_pip_and_the_password_stays_secret(
    index: PackageIndex, no_uv: None, tmp_path: Path
) -> None:
    done, lines = install(tmp_path)
    assert done.version == "2026.10"
    assert not any(PASSWORD in line for line in lines)


def test_a_failure_tells_no_password(
    index: PackageIndex, no_uv: None, tmp_path: Path
) -> None:
    with pytest.raises(InstallError) as error:
        install(tmp_path, "2020.1")
    assert PASSWORD not in error.value.message
    assert "://***@127.0.0.1" in error.value.message


def test_a_named_release_gets_the_dependencies_of_its_time(
    index: PackageIndex, tmp_path: Path
) -> None:
    limit = published_before("2026.8", PipSettings(index_url=index.url))
    assert limit == datetime.fromisoformat(PUBLISHED) + timedelta(days=7)
    assert published_before("2025.1", PipSettings(index_url=index.url)) is None
    done, _ = install(tmp_path, "2026.8")
    assert done.version == "2026.8"


def test_an_index_without_dates_is_told_of(index: PackageIndex, tmp_path: Path) -> None:
    index.forget_dates()
    done, lines = install(tmp_path, "2026.8")
    assert done.version == "2026.8"
    assert any("does not say when this release was published" in line for line in lines)


@pytest.mark.parametrize(
    "settings",
    [
        PipSettings(no_index=True),
        PipSettings(index_url="file:///nowhere"),
        PipSettings(index_url="http://127.0.0.1:1/simple"),
    ],
)
def test_an_index_that_cannot_be_asked_gives_no_date(settings: PipSettings) -> None:
    assert published_before("2026.9", settings) is None


def test_a_wheel_with_another_version_inside_is_refused(
    wheels: Path, no_uv: None, tmp_path: Path
) -> None:
    wheel_write(wheels, "freqtrade", "2026.12", says="2026.8")
    with pytest.raises(InstallError):
        install(tmp_path, "2026.12")
    assert freqtrade_installed(tmp_path) == []


def test_the_marker_and_the_lock_hold_no_secret(
    index: PackageIndex, tmp_path: Path
) -> None:
    done, _ = install(tmp_path)
    [marker] = done.path.glob("*.json")
    content = json.loads(marker.read_text())
    assert set(content) == {"version", "path", "python", "seconds", "size", "facts"}
    assert content["size"] > 1000
    assert stat.S_IMODE((tmp_path / ".lock").stat().st_mode) == 0o600


def test_settings_of_pip_are_read_with_pips_precedence() -> None:
    listing = "\n".join(
        [
            ":env:.find-links='/b'",
            "global.cert='/etc/ca.pem'",
            "global.extra-index-url='https://x/simple\\nhttps://y/simple'",
            "global.find-links='/a'",
            "global.index-url='https://global/simple'",
            "install.index-url='https://install/simple'",
            "global.trusted-host='x y'",
            "global.no-index='true'",
            "freeze.timeout='5'",
            "something else",
        ]
    )
    found = pip_settings_parse(listing)
    assert found == PipSettings(
        index_url="https://install/simple",
        extra_index_urls=("https://x/simple", "https://y/simple"),
        find_links=("/b",),
        trusted_hosts=("x", "y"),
        cert="/etc/ca.pem",
        no_index=True,
    )
    assert found.uv_toml().splitlines() == [
        'index-url = "https://install/simple"',
        'extra-index-url = ["https://x/simple", "https://y/simple"]',
        'index-strategy = "unsafe-best-match"',
        'find-links = ["/b"]',
        'allow-insecure-host = ["x", "y"]',
        "no-index = true",
    ]


def test_no_settings_of_pip_give_no_configuration_of_uv() -> None:
    assert pip_settings_parse("") == PipSettings()
    assert PipSettings().uv_toml() == ""


def test_credentials_are_taken_out_of_addresses() -> None:
    assert (
        without_credentials("Looking in indexes: https://u:p@h/simple, http://t@h2/x")
        == "Looking in indexes: https://***@h/simple, http://***@h2/x"
    )
    # pip takes the last @ for the one before the host.
    assert without_credentials("http://u:p@ss@h/x") == "http://***@h/x"


def test_children_get_none_of_our_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BTCW_ENCRYPTION_KEYS", "hidden")
    monkeypatch.setenv("DATABASE_URL", "hidden")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1/")
    said: list[str] = []

    def on_line(line: str) -> str:
        said.append(line)
        return line

    mark = {INSTALL_MARK: "of-this-one"}
    code, _last = run_child(
        ["env"], mark, lock=None, on_line=on_line, on_wait=lambda: None
    )
    assert code == 0
    assert {f"{INSTALL_MARK}=of-this-one", "PIP_INDEX_URL=http://127.0.0.1/"} <= {*said}
    assert "hidden" not in "".join(said)


def test_the_newest_release_is_read_from_what_the_tools_print() -> None:
    assert newest_in_uv_output("Would install\n + freqtrade==2026.9\n") == "2026.9"
    assert newest_in_uv_output("nothing") is None
    listing = "freqtrade (2026.9)\nAvailable versions: 2026.9, 2026.10rc1, 2026.8.1\n"
    assert newest_in_pip_output(listing) == "2026.9"
    assert newest_in_pip_output("ERROR: nothing") is None


def test_versions_are_sorted_by_number_and_named_by_kind() -> None:
    versions = ["2026.9", "2026.10", "2025.12", "2026.9.1", "2026.9rc1"]
    assert sorted(versions, key=version_key) == [
        "2025.12",
        "2026.9rc1",
        "2026.9",
        "2026.9.1",
        "2026.10",
    ]
    assert version_checked("2026.9.1") == "2026.9.1"
    kinds = {v: version_kind(v) for v in ("2026.9", "2026.9rc1", "2026.9.dev1")}
    assert kinds == {"2026.9": "stable", "2026.9rc1": "beta", "2026.9.dev1": "alpha"}


@pytest.mark.freqtrade
@pytest.mark.timeout(600)
def test_the_real_freqtrade_is_installed_and_runs(
    real_freqtrade: InstalledFreqtrade,
) -> None:
    answer = subprocess.run(
        [real_freqtrade.python, "-I", "-m", "freqtrade", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"freqtrade {real_freqtrade.version}" in answer.stdout
    assert "freqtrade" not in sys.modules
    assert real_freqtrade.path.parent == settings.BASE_DIR / "var" / "test-freqtrade"


def test_the_index_of_a_pip_that_was_told_of_none_is_read_from_its_help() -> None:
    text = (
        "  -i, --index-url <url>       Base URL of the Package Index (default\n"
        "                              https://index.example/simple). This should\n"
    )

    assert pip_default_index(text) == "https://index.example/simple"
    assert pip_default_index("another program") is None

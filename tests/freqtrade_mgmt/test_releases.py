"""Which releases there are: asked of an index of our own, and of none."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache

from freqtrade_mgmt.installer import InstallError, asking
from freqtrade_mgmt.installer.stages import failure_of, is_noise, stage_of
from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.releases import (
    address_plain,
    python_fits,
    releases_in_listing,
    releases_merged,
    version_files,
)
from freqtrade_mgmt.services import (
    installations_check,
    newest_release,
    releases_refresh,
)
from freqtrade_mgmt.tasks import refresh_releases
from freqtrade_mgmt.versions import refreshing
from freqtrade_mgmt.versions.listing import releases_state, versions_listed
from tests.freqtrade_mgmt.packages import PASSWORD, USER, PackageIndex, tiny_freqtrade

if TYPE_CHECKING:
    from pathlib import Path

    import redis

    from freqtrade_mgmt.installer import InstalledFreqtrade

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis_client"),
]


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path) -> None:
    settings.BTCW_HOME = tmp_path / "home"
    cache.clear()


def name(version: str) -> str:
    return f"freqtrade-{version}-py3-none-any.whl"


def test_releases_are_stored_with_what_the_index_says(
    index: PackageIndex, wheels: Path
) -> None:
    tiny_freqtrade(wheels, "2026.11rc1")
    index.describe(
        name("2026.8"),
        **{"requires-python": ">=3.99", "upload-time": "2026-08-30T23:59:00Z"},
    )
    index.describe(name("2026.10"), yanked="a fault", url="../x/y.whl?token=1#sha256=2")

    asked = releases_refresh()

    assert (asked.found, asked.new, asked.full, asked.problem) == (3, 3, True, "")
    rows = {row.version: row for row in FreqtradeVersion.objects.all()}
    assert rows["2026.8"].release_date == date(2026, 8, 30)
    assert rows["2026.8"].compatibility_info["python"] == ">=3.99"
    assert rows["2026.11rc1"].type == "beta"
    assert rows["2026.10"].compatibility_info["yanked"] is True
    assert rows["2026.10"].compatibility_info["size"] > 100
    assert rows["2026.10"].download_url == f"http://{index.address}/simple/x/y.whl"
    listed = {each.version: each for each in versions_listed()}
    assert list(listed) == ["2026.11rc1", "2026.10", "2026.8"]
    assert listed["2026.8"].fits is False
    assert [listed[version].notes for version in listed] == [
        ["prerelease"],
        ["yanked"],
        ["python"],
    ]
    assert newest_release() is None
    everything = repr(list(FreqtradeVersion.objects.values()))
    assert PASSWORD not in everything
    assert USER not in everything


def test_a_second_time_nothing_is_new_and_what_was_measured_stays(
    index: PackageIndex,
) -> None:
    releases_refresh()
    row = FreqtradeVersion.objects.get(version="2026.8")
    row.compatibility_info["memory_mb"] = 320
    row.save()
    assert releases_refresh().new == 0
    row.refresh_from_db()
    assert row.compatibility_info["memory_mb"] == 320
    assert newest_release() == "2026.10"


def test_an_extra_index_adds_its_releases(
    index: PackageIndex, wheels: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    tiny_freqtrade(other, "2026.12")
    with PackageIndex(other) as extra:
        text = f"[global]\nindex-url = {index.url}\nextra-index-url = {extra.url}\n"
        (tmp_path / "pip.conf").write_text(text)
        releases_refresh()
    assert newest_release() == "2026.12"


def test_an_index_without_json_is_read_as_pip_reads_it(index: PackageIndex) -> None:
    index.forget_dates()
    asked = releases_refresh()
    assert (asked.found, asked.full, asked.problem) == (2, False, "")
    assert newest_release() == "2026.10"


def test_a_folder_of_wheels_is_read_as_pip_reads_it(wheels: Path) -> None:
    asked = releases_refresh()
    assert (asked.found, asked.full) == (2, False)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ((500, b""), "answered 500"),
        ((200, b"<html>garbage"), "lists no releases as JSON"),
        ((200, b'{"files": 7}'), "lists no releases as JSON"),
        ((401, b""), "does not accept our login (401)"),
    ],
)
def test_an_index_that_answers_wrongly_takes_nothing_away(
    index: PackageIndex, fault: tuple[int, bytes], reason: str
) -> None:
    releases_refresh()
    before = releases_state()
    assert before.listed_at is not None
    index.fail(*fault)

    asked = releases_refresh()

    assert reason in asked.problem
    assert "pip config list" in asked.problem
    assert PASSWORD not in asked.problem
    after = releases_state()
    assert after.listed_at == before.listed_at
    assert after.problem == asked.problem
    assert after.asked_at == asked.asked_at
    assert len(versions_listed()) == 2
    index.mend()
    assert refresh_releases() == {"found": 2, "new": 0, "lost": [], "problem": ""}
    assert releases_state().problem == ""


def test_an_index_that_is_not_there_is_told(wheels: Path, tmp_path: Path) -> None:
    text = f"[global]\nindex-url = http://{USER}:{PASSWORD}@127.0.0.1:9/simple\n"
    (tmp_path / "pip.conf").write_text(text)
    asked = releases_refresh()
    assert asked.found == 0
    assert "127.0.0.1" in asked.problem
    assert PASSWORD not in asked.problem
    assert "channel" not in asked.problem


def test_an_index_that_never_answers_is_given_up(index: PackageIndex) -> None:
    index.hold()
    with pytest.raises(InstallError, match=r"did not (answer|list)"):
        asking.releases_ask(seconds=0.5, pip_seconds=2)


def test_without_redis_the_last_success_is_still_known(
    index: PackageIndex, redis_client: redis.Redis
) -> None:
    asked = releases_refresh()
    redis_client.flushdb()
    state = releases_state()
    assert state.listed_at == asked.asked_at
    assert (state.asked_at, state.problem) == (None, "")


def test_an_environment_that_has_gone_is_not_installed(tmp_path: Path) -> None:
    for version, path in (("2026.8", "/gone"), ("2026.9", str(tmp_path / "elsewhere"))):
        FreqtradeVersion.objects.create(
            version=version, is_installed=True, install_path=path
        )
    python = tmp_path / "elsewhere" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert [each.installed for each in versions_listed()] == [True, False]
    assert installations_check() == ["2026.8"]
    row = FreqtradeVersion.objects.get(version="2026.8")
    assert (row.is_installed, row.install_path) == (False, None)
    assert FreqtradeVersion.objects.get(version="2026.9").is_installed


def test_odd_entries_of_an_index_are_left_out() -> None:
    listing = {
        "files": [
            {"filename": "freqtrade-2026.9-py3-none-any.whl", "size": "many"},
            {"filename": "freqtrade-2026.9.tar.gz", "upload-time": "2026-09-30T08:00"},
            {"filename": "freqtrade-evil;rm-py3-none-any.whl"},
            {"filename": "other-1.0.tar.gz"},
            {"filename": 7},
            "nothing",
        ]
    }
    assert list(version_files(listing)) == ["2026.9"]
    [release] = releases_in_listing(listing, "https://h/simple/freqtrade/")
    assert release.uploaded == datetime(2026, 9, 30, 8, tzinfo=UTC)
    assert (release.size, release.yanked, release.requires_python) == (None, False, "")
    assert version_files({"files": None}) == {}
    bare = releases_in_listing(
        {"files": [{"filename": "freqtrade-2026.9.zip"}]}, "https://h/"
    )
    assert releases_merged([*bare, release]) == [release]


@pytest.mark.parametrize(
    ("demand", "python", "fits"),
    [
        ("", (3, 11), True),
        (">=3.11", (3, 11), True),
        (">=3.11.4", (3, 11), True),
        (">=3.11.4", (3, 11, 2), False),
        (">=3.12", (3, 11, 2), False),
        ("<3.14,>=3.11", (3, 13, 0), True),
        ("what?", (3, 11), True),
    ],
)
def test_the_python_that_a_release_asks_for(
    demand: str, python: tuple[int, ...], fits: bool
) -> None:
    assert python_fits(demand, python) is fits


def test_an_address_is_kept_without_login_and_query() -> None:
    assert address_plain("https://u:p@h:8/a/b?t=1#x") == "https://h:8/a/b"
    assert address_plain("http://[") == ""


def test_lines_of_the_tools_tell_the_stage() -> None:
    lines = {
        "Resolved 12 packages in 868ms": "download",
        "Downloading numpy (16.1MiB)": "download",
        "Prepared 12 packages in 800ms": "build",
        "Installed 1 package in 17ms": "compile",
        "Collecting freqtrade==2026.9": "download",
        "Installing collected packages: a, b": "build",
        " + numpy==2.4.6": None,
    }
    assert {line: stage_of(line) for line in lines} == lines


def test_what_uv_says_of_every_package_of_a_mirror_is_noise() -> None:
    words = "is missing an upload date, but user provided: 2026-09-07T04:59:38Z"
    assert is_noise(f"warning: `pytz-2026.4-py2.py3-none-any.whl` {words}")
    assert not is_noise("warning: The package is yanked")
    assert not is_noise("Resolved 12 packages in 868ms")


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("cause: No space left on device (os error 28)", "disk_full"),
        ("OSError: [Errno 28] No space left on device", "disk_full"),
        (
            "Tunnel connection failed: 407 Proxy Authentication Required",
            "proxy_password",
        ),
        ("cause: error connecting to socks proxy", "proxy"),
        (
            "socks proxy\n cause: SOCKS error: credentials not accepted",
            "proxy_password",
        ),
        ("error: Received some unexpected JSON from", "unreachable"),
        ("Failed to build `x==1.0`", "build"),
        ("cause: Connection refused (os error 111)", "unreachable"),
        ("No solution found when resolving dependencies", "no_version"),
        ("something else", "other"),
    ],
)
def test_last_lines_tell_what_is_wrong(output: str, code: str) -> None:
    assert failure_of(output)[0] == code


def test_a_release_that_is_recorded_while_the_disk_is_looked_at_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def looked(_root: Path) -> list[InstalledFreqtrade]:
        FreqtradeVersion.objects.create(
            version="2026.9", is_installed=True, install_path="/nowhere/2026.9"
        )
        return []

    monkeypatch.setattr(refreshing, "freqtrade_installed", looked)
    assert installations_check() == []
    assert FreqtradeVersion.objects.get().is_installed

"""Installations through a proxy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from freqtrade_mgmt.services import install_request, releases_refresh
from freqtrade_mgmt.supervisor.carrying import install_carry_out
from tests.freqtrade_mgmt.installs.carrying import steps
from tests.freqtrade_mgmt.packages import PASSWORD, PackageIndex
from tests.notifications.fakes import ProxyFake
from tests.proxies.fakes import proxy_row

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis_client"),
]


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

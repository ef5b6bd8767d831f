"""Operators read what the installation was set to; nobody reads a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured

from accounts import system_settings
from accounts.roles import Role
from accounts.system_settings import explained, groups_read
from btc_watcher.env import variable
from btc_watcher.lib.redaction import is_secret_name

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client

    from accounts.models import User
    from accounts.system_settings import Shown

SECRET = "a-secret-of-nobody"
ADDRESS = f"https://user:{SECRET}@host.example:1/path?sentinel_password={SECRET}"


def row(name: str) -> Shown:
    found = [
        each
        for group in groups_read("en")
        for each in group.rows
        if each.row.name == name
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_documented_variable_is_shown_once(language: str) -> None:
    names = [each.row.name for group in groups_read(language) for each in group.rows]
    documented = [each.name for each in explained("en")]
    assert sorted(names) == sorted(documented)
    assert len(names) == len(set(names)) > 45
    assert all(group.rows for group in groups_read(language))


def test_no_value_holds_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in explained("en"):
        monkeypatch.setenv(each.name, ADDRESS)
    shown = [each for group in groups_read("en") for each in group.rows]
    assert [each.row.name for each in shown if SECRET in each.value] == []
    hidden = {each.row.name for each in shown if each.is_hidden}
    assert {
        "BTCW_SECRET_KEY",
        "BTCW_ENCRYPTION_KEYS",
        "BTCW_ADMIN_PASSWORD",
        "BTCW_METRICS_TOKEN",
        "BTCW_HEARTBEAT_URL",
    } <= hidden
    assert hidden == {
        each.row.name
        for each in shown
        if is_secret_name(each.row.name) or each.row.name == "BTCW_HEARTBEAT_URL"
    }


def test_a_plain_secret_is_hidden_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BTCW_SECRET_KEY", SECRET)
    monkeypatch.setenv("BTCW_HEARTBEAT_URL", f"https://hc.example.org/ping/{SECRET}")
    assert row("BTCW_SECRET_KEY").value == "***"
    assert row("BTCW_HEARTBEAT_URL").value == "https://hc.example.org/***"


def test_it_tells_what_was_set_where_and_what_counts_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BTCW_API_TOKEN_DAYS", "30")
    given = row("BTCW_API_TOKEN_DAYS")
    assert (given.is_set, given.value, given.source) == (True, "30", "")
    assert given.row.default == "<code>90</code>"
    monkeypatch.delenv("BTCW_API_TOKEN_DAYS")
    usual = row("BTCW_API_TOKEN_DAYS")
    assert (usual.is_set, usual.value) == (False, "")


def test_a_value_from_a_file_of_its_own_names_that_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = tmp_path / "days"
    kept.write_text("45\n", encoding="utf-8")
    monkeypatch.setenv("BTCW_API_TOKEN_DAYS_FILE", str(kept))
    shown = row("BTCW_API_TOKEN_DAYS")
    assert (shown.value, shown.source) == ("45", "BTCW_API_TOKEN_DAYS_FILE")
    kept.unlink()
    with pytest.raises(ImproperlyConfigured, match="BTCW_API_TOKEN_DAYS_FILE"):
        variable("BTCW_API_TOKEN_DAYS")


def test_what_was_bounded_is_shown_as_it_counts(
    monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    monkeypatch.setenv("BTCW_LEASE_SECONDS", "9999")
    monkeypatch.setattr("django.conf.settings.LEASE_SECONDS", 300)
    assert row("BTCW_LEASE_SECONDS").value == "300"


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_client")
def test_operators_read_it_and_viewers_do_not(browser: Client, person: User) -> None:
    assert browser.get("/settings/system/").status_code == 403
    person.groups.add(Group.objects.get(name=Role.OPERATOR.value))
    page = browser.get("/settings/system/").content.decode()
    assert "BTCW_BACKUP_FOLDER" in page
    assert "<code>BTCW_HOME</code>" in page
    assert browser.post("/settings/system/").status_code in {200, 405}


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_client")
def test_without_the_documentation_the_page_says_so(
    browser: Client, person: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.groups.add(Group.objects.get(name=Role.OPERATOR.value))
    monkeypatch.setattr(system_settings, "BASE_DIR", tmp_path)
    explained.cache_clear()
    try:
        page = browser.get("/settings/system/").content.decode()
    finally:
        explained.cache_clear()
    assert "The documentation is not here" in page


def test_what_the_documentation_says_is_escaped() -> None:
    marked = system_settings._marked("`<b>` and [a link](x.md) & more")
    assert marked == "<code>&lt;b&gt;</code> and a link &amp; more"

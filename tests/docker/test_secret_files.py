"""Secrets come by file: NAME_FILE names where the value of NAME is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import ImproperlyConfigured

from btc_watcher.env import env, environment_for_child

if TYPE_CHECKING:
    from pathlib import Path


def test_a_value_is_read_from_its_file_without_the_line_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    path.write_text(" spaces stay \n", encoding="utf-8")
    monkeypatch.setenv("BTCW_SECRET_KEY_FILE", str(path))
    assert env.str("BTCW_SECRET_KEY") == " spaces stay "
    path.write_text("postgres://u:p%40ss@db:5433/name?sslmode=require\n", "utf-8")
    monkeypatch.setenv("DATABASE_URL_FILE", str(path))
    database = env.db_url("DATABASE_URL")
    assert (database["HOST"], database["PORT"]) == ("db", 5433)
    assert database["PASSWORD"] == "p@ss"


def test_every_one_of_our_names_may_come_by_file_also_with_a_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "token"
    path.write_text("12\n", encoding="utf-8")
    monkeypatch.setenv("BTCW_METRICS_DAYS_FILE", str(path))
    assert env.int("BTCW_METRICS_DAYS", default=7) == 12


def test_names_of_others_keep_their_meaning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "certificates"
    path.write_text("PEM", encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert env.str("SSL_CERT", default="") == ""
    assert "SSL_CERT" not in dict(env.ENVIRON)
    assert env.ENVIRON["SSL_CERT_FILE"] == str(path)


def test_a_file_that_cannot_be_read_is_said_with_its_name_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL_FILE", str(tmp_path / "absent"))
    with pytest.raises(ImproperlyConfigured, match="No such file or directory"):
        env.str("REDIS_URL")
    (tmp_path / "absent").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ImproperlyConfigured, match="it is no text"):
        env.str("REDIS_URL")


def test_children_learn_nothing_of_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", "/run/secrets/database_url")
    monkeypatch.setenv("BTCW_SECRET_KEY_FILE", "/run/secrets/secret_key")
    names = environment_for_child({})
    assert not {"DATABASE_URL_FILE", "BTCW_SECRET_KEY_FILE"} & set(names)

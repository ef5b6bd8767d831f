"""The image: what goes in, what stays out, and who runs it."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import tomllib
from typing import TYPE_CHECKING

import pytest

from btc_watcher.env import BASE_DIR
from btc_watcher.lib.encryption import KeyRing
from tests.docker.files import DOCKER, compose, copied, enters, instructions

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = {"BTCW_HOME", "BTCW_STATIC_FOLDER", "BTCW_BACKUP_FOLDER"}


def words_of(name: str) -> list[str]:
    return [words for each, words in instructions() if each == name]


def tracked() -> list[str]:
    """Return every file that git knows or would take."""
    said = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.splitlines()


def test_what_the_dockerfile_takes_is_there_and_is_let_in() -> None:
    sources = list(copied())
    assert {"manage.py", "requirements.txt", "monitoring"} <= set(sources)
    for source in sources:
        path = BASE_DIR / source
        assert path.exists(), source
        inside = path / "__init__.py" if (path / "__init__.py").exists() else path
        assert enters(str(inside.relative_to(BASE_DIR))), source


def test_every_app_and_every_file_beside_the_code_is_taken() -> None:
    kept = {path.split("/")[0] for path in tracked() if path.endswith("/__init__.py")}
    assert kept - {"tests"} <= set(copied())


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".env",
        "var/secrets/BTCW_SECRET_KEY",
        "var/local.env",
        ".venv/bin/python",
        "node_modules/x/index.js",
        "tests/conftest.py",
        "docker/secrets/secret_key",
        "docker/kubernetes/secret.yaml",
        "monitoring/.env",
        "btc_watcher/server.key",
        "monitoring/__pycache__/models.cpython-311.pyc",
        "README.md",
    ],
)
def test_neither_secrets_nor_state_nor_tests_enter_the_image(path: str) -> None:
    assert not enters(path)


def test_secrets_of_the_operator_are_ignored_by_git(tmp_path: Path) -> None:
    for path in ("docker/secrets/secret_key", "docker/kubernetes/secret.yaml", ".env"):
        done = subprocess.run(
            ["git", "check-ignore", "--quiet", path], cwd=BASE_DIR, check=False
        )
        assert done.returncode == 0, path


def test_both_stages_start_from_one_pinned_slim_image() -> None:
    (default,) = [words for words in words_of("ARG") if words.startswith("PYTHON=")]
    assert re.fullmatch(r"PYTHON=python:3\.11\.\d+-slim-trixie", default)
    assert [words.split()[0] for words in words_of("FROM")] == ["${PYTHON}"] * 2


def test_what_runs_is_not_root_and_has_an_init_and_a_look_after_it() -> None:
    names = [name for name, _words in instructions()]
    final = names[len(names) - names[::-1].index("FROM") :]
    assert "USER" in final
    assert words_of("USER") == ["10001:10001"]
    assert json.loads(words_of("ENTRYPOINT")[0])[0] == "tini"
    assert json.loads(words_of("CMD")[0]) == ["web"]
    assert '["btcw", "healthy"]' in words_of("HEALTHCHECK")[0]
    # Set by number, so that Kubernetes can tell that it is not root.
    uid, _, gid = words_of("USER")[0].partition(":")
    made = " ".join(words_of("RUN"))
    assert f"--uid {uid}" in made
    assert f"--gid {gid}" in made


def test_packages_are_installed_by_hash_and_no_index_is_written_down() -> None:
    made = " ".join(words_of("RUN"))
    assert "--require-hashes -r requirements.txt" in made
    assert "PIP_INDEX_URL" in words_of("ARG")
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    assert not re.search(r"https?://", text)


def test_the_tools_for_backups_fit_the_server_that_compose_runs() -> None:
    server = compose()["services"]["postgres"]["image"]
    major = server.removeprefix("postgres:").partition(".")[0]
    made = " ".join(words_of("RUN"))
    assert f"postgresql-client-{major}={major}.*" in made


def test_every_package_of_the_system_is_pinned() -> None:
    (installs,) = [words for words in words_of("RUN") if "apt-get install" in words]
    packages = installs.partition("--no-install-recommends")[2].partition("&&")[0]
    assert packages.split()
    assert all("=" in package for package in packages.split())


def test_the_image_has_the_version_of_the_project() -> None:
    project = tomllib.loads((BASE_DIR / "pyproject.toml").read_text("utf-8"))["project"]
    label = f'org.opencontainers.image.version="{project["version"]}"'
    assert label in " ".join(words_of("LABEL"))
    for name in ("compose.yml", "docker/kubernetes/kustomization.yaml"):
        assert project["version"] in (BASE_DIR / name).read_text(encoding="utf-8")


def test_the_script_makes_secrets_once_for_the_containers_alone(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    script = [str(DOCKER / "make-secrets"), str(folder)]
    subprocess.run(script, check=True, capture_output=True)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    first = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o444 for path in folder.iterdir())
    assert first["postgres_password"].strip() in first["database_owner_url"]
    assert first["database_app_password"].strip() in first["database_url"]
    assert first["redis_auth"].split()[1] in first["redis_url"]
    assert len(first["secret_key"].strip()) >= 50
    KeyRing.parse(first["encryption_keys"].strip())
    subprocess.run(script, check=True, capture_output=True)
    assert first == {path.name: path.read_text("utf-8") for path in folder.iterdir()}


def test_a_linter_of_dockerfiles_has_nothing_to_say_where_there_is_one() -> None:
    linter = shutil.which("hadolint")
    if linter is None:
        pytest.skip("hadolint is not installed")
    subprocess.run([linter, str(DOCKER / "Dockerfile")], check=True)

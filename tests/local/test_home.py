"""One system per folder, secrets made once, and nothing removed that is not ours."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from btc_watcher.env import env
from btc_watcher.lib.encryption import KeyRing
from btc_watcher.local import checks
from btc_watcher.local.clean import clean
from btc_watcher.local.environment import LocalEnvironment
from btc_watcher.local.lock import holder, up_lock
from btc_watcher.local.state import LocalError
from btc_watcher.local.terminal import Terminal
from tests.local.helpers import next_line, running_script

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys, time
from pathlib import Path
from btc_watcher.local.lock import up_lock
with up_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def home(folder: Path) -> Path:
    """A BTCW_HOME that does not exist yet."""
    return folder / "home"


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the values away that the test run itself needs."""
    for name in (
        "BTCW_SECRET_KEY",
        "BTCW_ENCRYPTION_KEYS",
        "DATABASE_URL",
        "REDIS_URL",
    ):
        monkeypatch.delenv(name)


def mode(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_second_system_on_one_folder_is_refused_with_the_pid(home: Path) -> None:
    with running_script(HOLDER, str(home)) as first:
        assert next_line(first) == "held"
        assert holder(home) == first.pid
        with (
            pytest.raises(LocalError, match=rf"pid {first.pid}\).*BTCW_HOME"),
            up_lock(home),
        ):
            pytest.fail("two systems run on one folder")
        first.kill()
        first.wait()
        # The kernel gives the lock of a killed process back.
        assert holder(home) is None
        with up_lock(home):
            pass


@pytest.mark.usefixtures("unset")
def test_secrets_are_made_once_and_are_private(home: Path) -> None:
    first = LocalEnvironment(home)
    first.prepare_home()
    first.values["DATABASE_URL"] = "postgres://ours"
    first.write()
    again = LocalEnvironment(home)
    again.prepare_home()
    assert again.values["BTCW_SECRET_KEY"] == first.values["BTCW_SECRET_KEY"]
    assert again.values["BTCW_ENCRYPTION_KEYS"] == first.values["BTCW_ENCRYPTION_KEYS"]
    assert again.earlier("DATABASE_URL") == "postgres://ours"
    assert mode(home / "secrets") == 0o700
    assert mode(home / "local.env") == 0o600
    assert {mode(path) for path in (home / "secrets").iterdir()} == {0o600}


@pytest.mark.usefixtures("unset")
def test_the_generated_encryption_key_is_one_that_the_product_accepts(
    home: Path,
) -> None:
    environment = LocalEnvironment(home)
    environment.prepare_home()
    ring = KeyRing.parse(environment.values["BTCW_ENCRYPTION_KEYS"])
    assert ring.decrypt(ring.encrypt("secret", "row"), "row") == "secret"


@pytest.mark.usefixtures("unset")
def test_what_a_person_sets_is_used_and_never_written_down(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BTCW_SECRET_KEY", "mine")
    monkeypatch.setenv("DATABASE_URL", "postgres://mine")
    environment = LocalEnvironment(home)
    environment.prepare_home()
    environment.write()
    assert environment.given("DATABASE_URL") == "postgres://mine"
    assert environment.for_children()["BTCW_SECRET_KEY"] == "mine"
    assert "mine" not in (home / "local.env").read_text(encoding="utf-8")
    assert not (home / "secrets" / "BTCW_SECRET_KEY").exists()


def test_what_the_last_run_wrote_is_not_taken_for_a_persons_choice(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://embedded")
    home.mkdir()
    (home / "local.env").write_text("DATABASE_URL=postgres://embedded\n")
    assert LocalEnvironment(home).given("DATABASE_URL") == ""


def test_only_the_seed_sees_the_administrators_password(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BTCW_ADMIN_PASSWORD", "correct horse")
    environment = LocalEnvironment(home)
    assert environment.for_seed()["BTCW_ADMIN_PASSWORD"] == "correct horse"
    assert "BTCW_ADMIN_PASSWORD" not in environment.for_children()
    assert environment.for_children()["BTCW_HOME"] == str(home)


def test_a_folder_with_strange_files_is_neither_filled_nor_removed(home: Path) -> None:
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")
    with pytest.raises(LocalError, match="not BTC Watcher's"):
        LocalEnvironment(home).prepare_home()
    with pytest.raises(LocalError, match="not removed"):
        clean(home, Terminal())
    assert (home / "thesis.txt").exists()


def test_clean_removes_a_home_of_ours_unless_it_runs(home: Path) -> None:
    LocalEnvironment(home).prepare_home()
    with running_script(HOLDER, str(home)) as running:
        assert next_line(running) == "held"
        with pytest.raises(LocalError, match=f"pid {running.pid}"):
            clean(home, Terminal())
        assert home.exists()
    clean(home, Terminal())
    assert not home.exists()
    clean(home, Terminal())


def test_servers_of_ones_own_are_accepted_when_recent_enough() -> None:
    checks.check_database(env.str("DATABASE_URL"))
    checks.check_redis(env.str("REDIS_URL"))


def test_servers_of_ones_own_that_do_not_answer_are_named(home: Path) -> None:
    with pytest.raises(LocalError, match=r"(?s)DATABASE_URL.*unset it"):
        checks.check_database("postgres://nobody@127.0.0.1:1/none")
    with pytest.raises(LocalError, match=r"(?s)REDIS_URL.*unset it"):
        checks.check_redis("redis://127.0.0.1:1/0")


@pytest.mark.parametrize(
    ("what", "version", "oldest"), [("PostgreSQL", "14.9", 15), ("Redis", "6.2.14", 7)]
)
def test_servers_of_ones_own_that_are_too_old_are_refused(
    what: str, version: str, oldest: int
) -> None:
    with pytest.raises(LocalError, match=rf"{what} {version}, but {oldest} or later"):
        checks.require(what, version, oldest, variable="X_URL")


def test_a_full_disk_is_told_before_anything_is_installed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    monkeypatch.setattr(checks, "FIRST_RUN_MEBIBYTES", 10**12)
    with pytest.raises(LocalError, match="MiB free, but 1000000000000 MiB are needed"):
        checks.check_disk(home)

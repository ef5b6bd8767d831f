"""What a bot may use: its memory, its files, its user, its port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from freqtrade_mgmt import interpreter
from freqtrade_mgmt.bot_files import open_inside
from freqtrade_mgmt.supervisor import unprivileged
from freqtrade_mgmt.supervisor.identity import ProcessKey
from freqtrade_mgmt.supervisor.limits import budget_mb, limits_of, refusal
from freqtrade_mgmt.supervisor.logs import console_open, cut_console, tail
from freqtrade_mgmt.supervisor.processes import (
    RUN_MARK,
    BotProcess,
    Port,
)
from freqtrade_mgmt.supervisor.unprivileged import Identity, give, unprivileged_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users")


@pytest.mark.parametrize(
    ("held", "budget", "refused"),
    [
        ([], 350, False),
        ([], 349, True),
        ([340, 360], 1_050, False),
        ([340, 360], 1_049, True),
        # Hardly started: it will hold as much as the others.
        ([20], 699, True),
        ([20], 700, False),
        # More than usual counts as what it is.
        ([900], 1_249, True),
    ],
)
def test_a_start_beyond_the_memory_budget_is_refused(
    held: list[float], budget: float, refused: bool
) -> None:
    assert bool(refusal("ema", held, budget)) is refused


def test_the_refusal_names_the_numbers_and_the_cure() -> None:
    said = refusal("ema", [340, 360], 800)

    assert "ema" in said
    assert "700 MB" in said
    assert "800 MB" in said
    assert "BTCW_BOTS_MEMORY_MB" in said


def test_the_budget_is_a_share_of_the_machine_unless_it_is_set() -> None:
    machine = psutil.virtual_memory().total / 1_000_000

    assert budget_mb(1234) == 1234
    assert machine / 2 < budget_mb(0) < machine


# The same tests may run beside us.
MARK = f"a mark of {os.getpid()}"


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[BotProcess]:
    (tmp_path / "logs").mkdir()
    process = start_sleeper(tmp_path)
    yield process
    end(process)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_until_up(folder: Path) -> None:
    wait_until(lambda: "up" in tail(folder / "logs" / "console.log"))


def end(process: BotProcess) -> None:
    process.kill()
    deadline = time.monotonic() + 10
    while process.alive():
        assert time.monotonic() < deadline
        time.sleep(0.01)


SLEEPS = "import time; print('up', flush=True); time.sleep(600)"
PARTED = "import os; os.fork() or os.fork() or os.setsid(); " + SLEEPS


def start_sleeper(folder: Path, program: str = SLEEPS, **options: object) -> BotProcess:
    return BotProcess.start(
        [sys.executable, "-c", program],
        folder=folder,
        environment={RUN_MARK: MARK},
        console=folder / "logs" / "console.log",
        limits=limits_of(100, own_user=False),
        **options,  # type: ignore[arg-type]
    )


def test_a_bot_gets_its_limits_and_a_session_of_its_own(
    sleeper: BotProcess, tmp_path: Path
) -> None:
    wait_until_up(tmp_path)
    process = psutil.Process(sleeper.key.pid)

    assert process.rlimit(psutil.RLIMIT_AS) == (2_200_000_000, 2_200_000_000)
    assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert process.nice() >= 5
    assert os.getsid(sleeper.key.pid) == sleeper.key.pid


def test_a_process_is_found_by_the_mark_of_its_start_alone(
    sleeper: BotProcess, tmp_path: Path
) -> None:
    # Between the start of its limits and its own, a process has no environment.
    wait_until_up(tmp_path)

    found = BotProcess.of_run(MARK)

    assert found is not None
    assert found.key == sleeper.key
    assert BotProcess.of_run("another mark") is None
    assert BotProcess.of_run("") is None


def test_what_a_process_has_made_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    process = start_sleeper(tmp_path, PARTED)
    try:
        wait_until(lambda: tail(tmp_path / "logs" / "console.log").count("up") == 3)
        made = psutil.Process(process.key.pid).children(recursive=True)

        found = BotProcess.of_run(MARK)

        assert len(made) == 2
        assert found is not None
        assert found.key == process.key
    finally:
        for each in psutil.Process(process.key.pid).children(recursive=True):
            each.kill()
        end(process)


def test_a_pid_that_was_used_again_is_another_process(sleeper: BotProcess) -> None:
    key = ProcessKey(sleeper.key.pid, sleeper.key.create_time - 10)

    assert BotProcess.adopt(key) is None
    BotProcess(key, None).kill()
    assert sleeper.alive()


def test_a_kept_port_is_given_to_nobody_else_but_the_bot_may_listen_on_it() -> None:
    port = Port()
    try:
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind(("127.0.0.1", port.number))
        with socket.create_server(("127.0.0.1", port.number)) as bot:
            assert bot.getsockname()[1] == port.number
    finally:
        port.close()


def test_a_link_or_a_pipe_in_the_place_of_a_log_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    logs = tmp_path / "bot" / "logs"
    logs.mkdir(parents=True)
    (logs / "link.log").symlink_to(secret)
    os.mkfifo(logs / "pipe.log")

    assert tail(logs / "link.log") == ""
    assert tail(logs / "pipe.log") == ""
    with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
        console_open(logs / "link.log")
    with pytest.raises(OSError, match=r"plain file|No such device"):
        open_inside(tmp_path / "bot", logs / "pipe.log", os.O_RDONLY)

    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "freqtrade.log").write_text("a secret")
    (tmp_path / "bot" / "other").symlink_to(tmp_path / "elsewhere")
    assert tail(tmp_path / "bot" / "other" / "freqtrade.log") == ""


def test_a_large_console_behind_a_link_is_not_cut(tmp_path: Path) -> None:
    logs = tmp_path / "bot" / "logs"
    logs.mkdir(parents=True)
    victim = tmp_path / "victim"
    victim.write_bytes(b"x" * 5_100_000)
    (logs / "console.log").symlink_to(victim)

    cut_console(logs / "console.log")

    assert victim.stat().st_size == 5_100_000


@as_root
def test_a_bot_of_root_runs_as_a_user_without_rights(tmp_path: Path) -> None:
    nobody = Identity(65534, 65534)
    place = Path("/var/tmp") / f"btcw-test-{os.getpid()}"  # noqa: S108 - must be passable
    (place / "logs").mkdir(parents=True)
    try:
        give(place, nobody)
        process = BotProcess.start(
            ["/bin/sleep", "600"],
            folder=place,
            environment={},
            console=place / "logs" / "console.log",
            run_as=nobody,
        )
        try:
            seen = psutil.Process(process.key.pid)
            deadline = time.monotonic() + 10
            while seen.name() != "sleep":
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert set(seen.uids()) == {65534}
            assert set(seen.gids()) == {65534}
        finally:
            end(process)
    finally:
        subprocess.run(["/bin/rm", "-r", str(place)], check=True)


@as_root
def test_where_the_user_cannot_pass_bots_stay_ours_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    assert unprivileged_user(Path(sys.executable), closed) is None
    assert "Bots run as root" in caplog.text


@as_root
def test_a_busy_machine_does_not_make_bots_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(unprivileged, "TRY_SECONDS", 0.3)

    # Our own number, which can pass through pytest's folder.
    assert unprivileged._runs(slow, Identity(0, 0))


def test_an_ordinary_user_runs_its_own_bots(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert unprivileged_user(tmp_path / "python", tmp_path) is None


def test_environments_are_made_with_a_python_that_everybody_can_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hidden = tmp_path / "hidden" / "python3.11"
    hidden.parent.mkdir(mode=0o700)
    hidden.touch(mode=0o755)
    open_one = Path("/usr/bin/env")
    interpreter.base_python.cache_clear()
    try:
        monkeypatch.setattr(sys, "executable", str(hidden))
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(interpreter, "SYSTEM_PYTHON", tmp_path / "absent")
        assert interpreter.base_python() == str(hidden)
        assert not interpreter.open_to_all(hidden)
        assert interpreter.open_to_all(open_one)
    finally:
        interpreter.base_python.cache_clear()


@pytest.mark.usefixtures("sleeper")
def test_what_a_bot_prints_is_kept_within_bounds(tmp_path: Path) -> None:
    wait_until_up(tmp_path)
    console = tmp_path / "logs" / "console.log"
    with console.open("ab") as file:
        file.write(b"x" * 5_100_000 + b"the end\n")

    cut_console(console)

    assert console.stat().st_size == 0
    assert tail(console.with_suffix(".old.log")).endswith("the end\n")

"""The guard of a node as a process: it ends bots in time, and itself when nobody needs it."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from freqtrade_mgmt.supervisor.guard import Guard, clock
from freqtrade_mgmt.supervisor.identity import ProcessKey
from tests.freqtrade_mgmt.nodes import bots_of, wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.faults
SLEEPER = "import sys, time; sys.argv[1:]; time.sleep(300)"
FORKED = "import os, time; os.fork(); time.sleep(300)"


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    """A guard that is started, with a supervisor that seems to live."""
    made = Guard(tmp_path)
    (tmp_path / "run").mkdir()
    with (tmp_path / "run" / "supervisor.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wait(made.start, "its start", 20)
        yield made
    made.call_off()
    wait(lambda: not made.runs(), "its end", 30)
    assert made._child is not None
    made._child.wait(30)


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start processes that look like bots of a home."""
    made: list[subprocess.Popen[bytes]] = []

    def start(
        home: Path = tmp_path, program: str = SLEEPER, *, shared: bool = False
    ) -> subprocess.Popen[bytes]:
        named = ["--userdir", str(home / "bots" / "7")]
        if shared:
            named = ["--folder", str(home / "runners" / "binance-1"), "--name", "x"]
        command = [sys.executable, "-c", program, "trade", *named]
        made.append(subprocess.Popen(command, start_new_session=True))
        return made[-1]

    yield start
    for each in made:
        each.kill()
        each.wait()


@pytest.mark.usefixtures("guard")
def test_nobody_is_ended_before_something_is_ordered(
    bot: Callable[..., subprocess.Popen[bytes]],
) -> None:
    living = bot()
    time.sleep(1.5)
    assert living.poll() is None


def test_bots_end_when_the_moment_passes_with_all_that_they_started(
    guard: Guard,
    tmp_path: Path,
    bot: Callable[..., subprocess.Popen[bytes]],
) -> None:
    living, forked, shared = bot(), bot(program=FORKED), bot(shared=True)
    other = bot(tmp_path / "another home")
    guard.order(clock() + 5, [])
    for _ in range(8):
        # A supervisor that renews in time.
        time.sleep(0.8)
        guard.order(clock() + 5, [])
    last = clock()
    assert living.poll() is None
    wait(lambda: living.poll() is not None, "the end", 30)
    assert clock() - last > 4
    forked.wait(20)
    shared.wait(20)
    wait(lambda: not bots_of(tmp_path), "the end of all", 20)
    assert other.poll() is None
    # One that was started too late is ended as well.
    late = bot()
    assert late.wait(20) != 0


def test_a_bot_that_hides_its_command_line_is_known_by_its_number(
    guard: Guard,
) -> None:
    hidden = subprocess.Popen(["/bin/sleep", "300"], start_new_session=True)
    spared = subprocess.Popen(["/bin/sleep", "300"], start_new_session=True)
    try:
        key = ProcessKey.of(psutil.Process(hidden.pid))
        # The number of another process that had it before.
        old = ProcessKey(spared.pid, 0.0, f"{key.origin}0")
        guard.order(clock() - 1, [key, old])
        assert hidden.wait(20) != 0
        assert spared.poll() is None
    finally:
        for each in (hidden, spared):
            each.kill()
            each.wait()


def test_one_guard_is_enough_and_it_goes_when_its_supervisor_has_gone(
    tmp_path: Path,
) -> None:
    (tmp_path / "run").mkdir()
    first, second = Guard(tmp_path), Guard(tmp_path)
    with (tmp_path / "run" / "supervisor.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wait(first.start, "its start", 20)
        assert second.start()
        assert second._child is None
        time.sleep(1.5)
        assert first.runs()
    wait(lambda: not first.runs(), "its end", 20)
    assert first._child is not None
    first._child.wait(30)


def test_an_order_of_before_the_machine_s_start_is_none(
    guard: Guard,
    tmp_path: Path,
    bot: Callable[..., subprocess.Popen[bytes]],
) -> None:
    living = bot()
    guard.order(clock() + 600, [])
    path = tmp_path / "run" / "guard.json"
    path.write_text(path.read_text().replace('"boot": "', '"boot": "another-'))
    guard._write_moment(0.0)
    time.sleep(1.5)
    assert living.poll() is None


def test_a_full_disk_does_not_end_the_bots(
    guard: Guard,
    monkeypatch: pytest.MonkeyPatch,
    bot: Callable[..., subprocess.Popen[bytes]],
) -> None:
    living = bot()
    guard.order(clock() + 5, [])

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("freqtrade_mgmt.supervisor.guard.file_write", full)
    me = ProcessKey.of(psutil.Process(living.pid))
    for _ in range(6):
        guard.order(clock() + 5, [me])
        time.sleep(1)
    assert living.poll() is None
    with pytest.raises(OSError, match="No space"):
        guard.call_off()
    time.sleep(6)
    assert living.poll() is None
    monkeypatch.undo()

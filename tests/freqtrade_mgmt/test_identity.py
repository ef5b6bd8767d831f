"""A process is known again whatever happens to its pid and to the machine's clock."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from btc_watcher.env import BASE_DIR
from freqtrade_mgmt.health.looking import process_look
from freqtrade_mgmt.health.shapes import Life, ProcessRow
from freqtrade_mgmt.supervisor.identity import ProcessKey, origin_of
from freqtrade_mgmt.supervisor.processes import BotProcess

if TYPE_CHECKING:
    from pathlib import Path

LINUX = pytest.mark.skipif(not origin_of(os.getpid()), reason="no /proc here")
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
{then}
"""


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the machine's clock ahead, as the kernel then tells it."""
    boot = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot + 3600)


def key_of_me() -> ProcessKey:
    return ProcessKey.of(psutil.Process())


@LINUX
def test_a_bot_is_still_itself_after_the_clock_was_set(
    request: pytest.FixtureRequest,
) -> None:
    key = key_of_me()
    request.getfixturevalue("set_clock")
    assert abs(psutil.Process().create_time() - key.create_time) > 3000

    assert BotProcess.adopt(key) is not None
    row = ProcessRow(
        row=1,
        pid=key.pid,
        create_time=key.create_time,
        start_time=None,  # type: ignore[arg-type]  # not looked at
        last_heartbeat=None,  # type: ignore[arg-type]
        origin=key.origin,
    )
    assert process_look(row)[0] is Life.ALIVE


@LINUX
def test_another_start_of_the_machine_is_another_process() -> None:
    key = key_of_me()
    boot, _colon, ticks = key.origin.partition(":")

    for origin in (f"another:{ticks}", f"{boot}:{int(ticks) + 1}"):
        assert BotProcess.adopt(ProcessKey(key.pid, key.create_time, origin)) is None


def start(folder: Path, then: str) -> tuple[BotProcess, int]:
    """Start a bot that starts a process of its own; return both."""
    (folder / "logs").mkdir()
    console = folder / "logs" / "console.log"
    process = BotProcess.start(
        [sys.executable, "-c", PARENT.format(then=then)],
        folder=folder,
        environment={},
        console=console,
    )
    deadline = time.monotonic() + 10
    while not console.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process, int(console.read_text())


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


@pytest.mark.parametrize("then", ["sys.exit(3)", "time.sleep(600)"])
def test_what_a_bot_started_ends_with_it(tmp_path: Path, then: str) -> None:
    process, left = start(tmp_path, then)
    if "sleep" in then:
        os.kill(process.key.pid, 9)
    deadline = time.monotonic() + 10
    while process.alive() or not gone(left):
        assert time.monotonic() < deadline
        time.sleep(0.02)

    assert process.exit_code == (-9 if "sleep" in then else 3)


WITHOUT_RIGHTS = """
import socket, subprocess, sys
import psutil
from freqtrade_mgmt.supervisor.identity import ProcessKey, listens
serve = (
    "import socket; s = socket.create_server(('127.0.0.1', 0));"
    "print(s.getsockname()[1], flush=True); s.accept()"
)
child = subprocess.Popen(
    ["/usr/bin/env", "python3", "-c", serve], stdout=subprocess.PIPE,
    user=65534, group=65534, extra_groups=[],
)
port = int(child.stdout.readline())
mine = socket.create_server(("127.0.0.1", 0))
key = ProcessKey.of(psutil.Process(child.pid))
print(listens(key, port), listens(key, mine.getsockname()[1]))
child.kill()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users")
def test_a_bot_of_another_user_is_believed_where_root_may_not_look_into_it() -> None:
    """Containers give root no CAP_SYS_PTRACE."""
    done = subprocess.run(
        [
            *("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"),
            *(sys.executable, "-c", WITHOUT_RIGHTS),
        ],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ["True", "False"]

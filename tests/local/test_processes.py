"""The process manager restarts what dies, ends everything in order, and leaves nothing."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest
import redis

from btc_watcher.env import BASE_DIR
from btc_watcher.local.children import ChildSpec, rotate
from btc_watcher.local.processes import (
    ProcessManager,
    end_previous,
    restart_delay,
    running_processes,
)
from tests.local.helpers import is_gone, next_line, running_script, valkey, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
# Writes its name to a shared file when it is asked to end.
RECORDER = """
import signal, sys, time
def end(*_):
    with open(sys.argv[1], "a") as handle:
        handle.write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(600)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""
MANAGER = """
import sys, time
from pathlib import Path
from btc_watcher.local.processes import ProcessManager
from tests.local.test_processes import SLEEPER, spec
manager = ProcessManager(Path(sys.argv[1]), print)
children = [manager.start(spec(name, SLEEPER)) for name in ("one", "two")]
print(*(child.pid for child in children), flush=True)
while True:
    manager.step()
    time.sleep(0.1)
"""


def spec(
    name: str, script: str, *arguments: str, grace: float = 10.0, stage: int = 0
) -> ChildSpec:
    """Return a child that runs a Python text."""
    return ChildSpec(
        name=name,
        command=(sys.executable, "-c", script, *arguments),
        environment={"PATH": "/usr/bin:/bin"},
        folder=BASE_DIR,
        grace_seconds=grace,
        stop_stage=stage,
    )


class Told(list[str]):
    """What the manager told the terminal."""

    def has(self, *words: str) -> bool:
        """Tell whether one line has all ``words``."""
        return any(all(word in line for word in words) for line in self)


@pytest.fixture
def told() -> Told:
    """The lines of this test's manager."""
    return Told()


@pytest.fixture
def manager(folder: Path, told: Told) -> Iterator[ProcessManager]:
    """A manager whose children are ended after the test."""
    result = ProcessManager(folder, told.append)
    yield result
    result.stop()


def stepped(manager: ProcessManager, *, until: bool) -> bool:
    """Let the manager look once, and hand on the condition."""
    manager.step()
    return until


def wait_for_log(manager: ProcessManager, name: str) -> None:
    """Wait until the child has said that it is up."""
    log = manager.log_folder / f"{name}.log"
    wait_until(lambda: "up" in log.read_text(encoding="utf-8"), f"{name} up")


@pytest.mark.parametrize(
    ("failures", "jitter", "seconds"),
    [
        (1, 0.5, 0.5),
        (2, 0.5, 1.0),
        (4, 0.5, 4.0),
        (1, 0.0, 0.4),
        (1, 1.0, 0.6),
        (500, 0.5, 60),
    ],
)
def test_the_delay_before_a_restart_grows_to_a_minute(
    failures: int, jitter: float, seconds: float
) -> None:
    assert restart_delay(failures, jitter) == pytest.approx(seconds)


def test_a_killed_child_is_started_again_and_told_in_one_line(
    manager: ProcessManager, told: Told
) -> None:
    child = manager.start(spec("worker", SLEEPER))
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(
        lambda: stepped(manager, until=child.pid not in {None, first}), "restarted"
    )
    wait_until(lambda: stepped(manager, until=told.has("runs again")), "told")
    assert told.has("worker was killed by SIGKILL", "starting it again in")
    assert told.has("worker runs again", str(child.pid))
    assert len(told) == 2


def test_a_child_that_ends_again_and_again_is_found(
    manager: ProcessManager, told: Told
) -> None:
    manager.start(spec("broken", "import sys; sys.exit('no such table')"))
    wait_until(lambda: stepped(manager, until=bool(manager.crashing(2))), "crashing")
    broken = manager.crashing(2)
    assert broken is not None
    assert "no such table" in broken.log_tail()
    assert told.has("broken ended with exit code 1")


def test_children_end_stage_by_stage(folder: Path, manager: ProcessManager) -> None:
    order = folder / "order"
    for name, stage in (("supervisor", 3), ("web", 1), ("worker", 2)):
        manager.start(spec(name, RECORDER, str(order), name, stage=stage))
    for name in ("supervisor", "web", "worker"):
        wait_for_log(manager, name)
    manager.stop()
    assert order.read_text(encoding="utf-8").split() == ["web", "worker", "supervisor"]


def test_a_child_that_ignores_the_request_is_killed_after_its_grace(
    manager: ProcessManager, told: Told
) -> None:
    child = manager.start(spec("stubborn", STUBBORN, grace=0.2))
    pid = child.pid
    assert pid is not None
    wait_for_log(manager, "stubborn")
    manager.stop()
    assert is_gone(pid)
    assert told.has("stubborn did not end within 0.2 s and was killed")


def test_the_list_of_processes_is_true_while_they_run(
    folder: Path, manager: ProcessManager
) -> None:
    child = manager.start(spec("web", SLEEPER))
    assert {n: i.pid for n, i in running_processes(folder).items()} == {
        "web": child.pid
    }
    manager.stop()
    assert running_processes(folder) == {}


def test_a_killed_server_comes_back_on_its_port_with_its_data(
    folder: Path, manager: ProcessManager, told: Told
) -> None:
    server = valkey(folder)
    manager.start_servers([server])
    assert server.pid is not None
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        client.set("kept", "yes")
        url = server.url
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: stepped(manager, until=told.has("runs again")), "restarted")
        assert server.url == url
        assert client.get("kept") == "yes"


@pytest.mark.faults
def test_kill_9_of_the_manager_ends_the_children_and_the_next_run_waits_for_them(
    folder: Path,
) -> None:
    with running_script(MANAGER, str(folder)) as process:
        pids = [int(word) for word in next_line(process).split()]
        assert sorted(i.pid for i in running_processes(folder).values()) == sorted(pids)
        # From now on the kernel tells them of their parent's end.
        logs = [folder / "log" / f"{name}.log" for name in ("one", "two")]
        wait_until(
            lambda: all(b"up" in log.read_bytes() for log in logs), "both are up"
        )
        process.kill()
        process.wait()
        end_previous(folder)
        assert all(is_gone(pid) for pid in pids)


def test_a_large_log_is_rotated_under_its_writer(folder: Path) -> None:
    log = folder / "worker.log"
    with log.open("ab", buffering=0) as writer:
        for generation in range(5):
            writer.write(b"%d" % generation * 100)
            rotate(log, max_bytes=50, kept=2)
        writer.write(b"goes on")
    texts = {p.name: p.read_bytes()[:7] for p in folder.iterdir()}
    assert texts == {
        "worker.log": b"goes on",
        "worker.log.1": b"4444444",
        "worker.log.2": b"3333333",
    }

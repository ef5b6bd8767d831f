"""What is printed can be read by a person, a pipe and a script."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from btc_watcher.env import BASE_DIR
from btc_watcher.local import ports
from btc_watcher.local.commands import run_manage
from btc_watcher.local.roster import Ports, roster
from btc_watcher.local.state import LocalError
from btc_watcher.local.terminal import Paced, Terminal

READY = "BTC Watcher is ready at http://127.0.0.1:8000 [not markup]"


def printed(*, terminal: bool) -> str:
    """Return what a step and a long line look like."""
    buffer = io.StringIO()
    console = Console(file=buffer, force_terminal=terminal, width=20)
    shown = Terminal(console=console)
    with shown.step("Migrating") as say:
        say("0001_initial")
    shown.line(READY)
    return buffer.getvalue()


def test_a_pipe_gets_plain_lines_that_are_never_wrapped() -> None:
    lines = printed(terminal=False).splitlines()
    assert lines[:2] == ["Migrating ...", "  0001_initial"]
    assert lines[2].startswith("done: Migrating (")
    assert lines[3] == READY


def test_a_terminal_gets_a_tick_and_the_same_lines() -> None:
    lines = printed(terminal=True).splitlines()
    assert any("✓ Migrating (" in line for line in lines)
    assert lines[-1] == READY


def test_a_terminal_that_was_closed_is_no_reason_to_stop() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as closed:
        terminal = Terminal(closed)
        with terminal.step("Stopping"):
            terminal.line("web has ended")


def test_a_failing_command_is_named_with_its_last_lines(folder: Path) -> None:
    log = folder / "setup.log"
    with pytest.raises(
        LocalError, match=r"(?s)manage.py no_such failed .*Unknown command"
    ):
        run_manage("no_such", environment=os.environ, log_path=log)  # noqa: TID251 - handed on
    assert "$ manage.py no_such" in log.read_text(encoding="utf-8")


def test_a_secret_answer_is_returned_and_not_logged(folder: Path) -> None:
    log = folder / "setup.log"
    environment = os.environ  # noqa: TID251 - handed on
    answer = run_manage("version", environment=environment, log_path=log, secret=True)
    assert answer.strip()
    assert answer.strip() not in log.read_text(encoding="utf-8")


def test_every_process_has_a_name_of_its_own_and_urgent_notices_a_worker_of_theirs() -> (
    None
):
    children = {c.name: c for c in roster(Ports(8000, 18080, 18025), {})}
    assert len(children) == 7
    urgent = children["worker-urgent"].command
    assert urgent[urgent.index("-Q") + 1] == "queue:notifications:P0"
    every = children["worker"].command
    assert every[every.index("-Q") + 1].split(",")[0] == "queue:notifications:P0"


def test_children_end_in_the_documented_order() -> None:
    children = roster(Ports(8000, 18080, 18025), {})
    order = [child.name for child in sorted(children, key=lambda c: c.stop_stage)]
    assert order == [
        "web",
        "beat",
        "worker",
        "worker-urgent",
        "supervisor",
        "simulator",
        "mailcatcher",
    ]


def test_a_preferred_port_is_used_when_it_is_free() -> None:
    port = ports.any_free()
    assert ports.choose(None, port) == port
    assert not ports.listens(os.getpid(), port)
    assert not ports.listens(None, port)


def test_the_command_line_says_what_it_can_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "btc_watcher.local", "--help"],
        capture_output=True,
        text=True,
        cwd=BASE_DIR,
        check=True,
    )
    assert all(word in done.stdout for word in ("up", "clean", "servers"))


def test_a_closed_window_is_noticed_and_a_pipe_is_none() -> None:
    with Path(os.devnull).open("w", encoding="utf-8") as pipe:
        assert not Terminal(pipe).is_gone()
    controller, window = pty.openpty()
    with os.fdopen(window, "w", encoding="utf-8") as stream:
        terminal = Terminal(stream)
        assert not terminal.is_gone()
        os.close(controller)
        assert terminal.is_gone()
        terminal.line("nobody reads this")


def test_details_are_paced_and_never_repeated() -> None:
    shown: list[str] = []
    say = Paced(shown.append, seconds=0)
    for text in ("one", "one", "two", "one"):
        say(text)
    slow = Paced(shown.append, seconds=600)
    slow("first")
    slow("second")
    assert shown == ["one", "two", "one", "first"]

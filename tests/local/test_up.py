"""The whole of ``make up`` with stand-ins for the product's own programs.

Servers, locks, signals, secrets and the process manager are the real ones.
"""

from __future__ import annotations

import io
import os
import re
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from btc_watcher import programs
from btc_watcher.local import __main__ as command_line
from btc_watcher.local import commands, frontend, ports, processes, roster, up
from btc_watcher.local.processes import running_processes
from btc_watcher.local.state import LocalError
from btc_watcher.local.terminal import Terminal
from btc_watcher.local.up import Up, not_healthy
from btc_watcher.local.with_servers import run_with_servers
from tests.local.helpers import is_gone

if TYPE_CHECKING:
    from collections.abc import Callable

STUB = Path(__file__).parent / "stub"
LAST_LINE = "Ctrl-C stops everything."
NAMES = {
    "simulator",
    "mailcatcher",
    "web",
    "worker",
    "worker-urgent",
    "beat",
    "supervisor",
}


class Screen(io.StringIO):
    """Keeps what is printed, and acts when a line appears."""

    def __init__(self, line: str, act: Callable[[], None]) -> None:
        super().__init__()
        self._line = line
        self._act: Callable[[], None] | None = act

    def write(self, text: str) -> int:
        """Keep the text; act once."""
        written = super().write(text)
        if self._act is not None and self._line in self.getvalue():
            act, self._act = self._act, None
            act()
        return written


def interrupt(number: signal.Signals = signal.SIGTERM) -> None:
    """Send the signal that a person or an init system would send."""
    os.kill(os.getpid(), number)


def run(home: Path, act: Callable[[], None] = interrupt, *, at: str = LAST_LINE) -> str:
    """Run the system until ``act``, called when ``at`` is printed, has ended it."""
    screen = Screen(at, act)
    Up(home, Terminal(screen)).run()
    return screen.getvalue()


@pytest.fixture
def home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose manage.py, celery and uvicorn are stand-ins."""
    for module in (commands, programs, roster, frontend):
        monkeypatch.setattr(module, "BASE_DIR", STUB)
    monkeypatch.setenv("BTCW_PORT", str(ports.any_free()))
    return folder / "home"


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system start servers of its own instead of using the test run's."""
    for name in (
        "DATABASE_URL",
        "REDIS_URL",
        "BTCW_SECRET_KEY",
        "BTCW_ENCRYPTION_KEYS",
    ):
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("embedded")
def test_a_first_start_is_announced_and_ended_and_the_second_resumes(
    home: Path,
) -> None:
    seen: list[dict[str, int]] = []

    def look_and_leave() -> None:
        seen.append({n: i.pid for n, i in running_processes(home).items()})
        interrupt()

    first = run(home, look_and_leave)
    second = run(home, look_and_leave)
    port = os.environ["BTCW_PORT"]  # noqa: TID251 - set by the fixture
    assert f"\nBTC Watcher is ready at http://127.0.0.1:{port}\n" in first
    assert "Log in as: admin\nOne-time password: first-and-only\n" in first
    assert "One-time password" not in second
    assert "manage.py changepassword admin" in second
    assert [set(names) for names in seen] == [NAMES | {"postgres", "valkey"}] * 2
    assert all(is_gone(pid) for names in seen for pid in names.values())
    assert running_processes(home) == {}
    log = (home / "log" / "setup.log").read_text(encoding="utf-8")
    assert "migrate is done" in log
    assert "first-and-only" not in log


@pytest.mark.parametrize("number", up.STOP_SIGNALS)
def test_every_stop_signal_ends_the_start_early_and_leaves_nothing(
    home: Path, number: signal.Signals
) -> None:
    printed = run(home, lambda: interrupt(number), at="Installing freqtrade")
    assert "Interrupted." in printed
    assert "is ready" not in printed
    assert running_processes(home) == {}


def test_a_newest_freqtrade_that_does_not_work_keeps_no_installed_one_from_running(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_FAILS", "freqtrade install")
    printed = run(home)
    assert "The newest freqtrade could not be installed" in printed
    assert "was told to fail" in printed
    assert "is ready at" in printed


def test_without_any_freqtrade_nothing_is_started(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_FAILS", "freqtrade")
    with pytest.raises(LocalError, match=r"(?s)freqtrade failed.*was told to fail"):
        run(home)


def test_a_failing_step_is_told_and_ends_what_was_started(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_FAILS", "migrate")
    with pytest.raises(LocalError, match=r"(?s)migrate failed.*was told to fail"):
        run(home)
    assert running_processes(home) == {}


def test_the_password_is_told_even_when_a_process_keeps_crashing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_FAILS", "web")
    screen = Screen("no such line", interrupt)
    with pytest.raises(LocalError, match=r"(?s)web ends again and again.*told to fail"):
        Up(home, Terminal(screen)).run()
    assert "One-time password: first-and-only" in screen.getvalue()


def test_a_password_that_a_person_chose_is_not_repeated_on_the_screen(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BTCW_ADMIN_PASSWORD", "correct horse")
    printed = run(home)
    assert "with the password in BTCW_ADMIN_PASSWORD" in printed
    assert "correct horse" not in printed


def test_a_process_that_crashed_once_must_stay_up_before_the_system_is_ready(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_FAILS", "once")
    monkeypatch.setattr(processes, "SETTLED_AFTER_SECONDS", 4.0)
    printed = run(home)
    order = [
        "beat ended with exit code 1",
        "waiting for beat to stay up",
        "is ready at",
    ]
    places = [printed.find(text) for text in order]
    assert -1 not in places
    assert places == sorted(places)


def test_a_taken_port_is_told_and_another_one_is_announced(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as other:
        taken = other.getsockname()[1]
        monkeypatch.setenv("BTCW_PORT", str(taken))
        printed = run(home)
    assert f"Port {taken} is in use by another program" in printed
    ready = re.search(
        r"^BTC Watcher is ready at http://127.0.0.1:(\d+)$", printed, re.M
    )
    assert ready is not None
    assert int(ready[1]) != taken


def test_a_database_of_ones_own_that_is_away_stops_the_start_with_its_name(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://me@127.0.0.1:1/mine")
    with pytest.raises(LocalError, match="DATABASE_URL is set"):
        run(home)


def test_a_killed_child_is_back_before_anybody_asks(home: Path) -> None:
    def kill_worker() -> None:
        os.kill(running_processes(home)["worker"].pid, signal.SIGKILL)

    class Watching(Screen):
        """Leaves when the worker is reported to run again."""

        def write(self, text: str) -> int:
            written = super().write(text)
            if "worker runs again" in text:
                interrupt()
            return written

    screen = Watching(LAST_LINE, kill_worker)
    Up(home, Terminal(screen)).run()
    assert "worker was killed by SIGKILL; starting it again" in screen.getvalue()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            '{"status": "unavailable", "redis": "ok", "worker": "absent"}',
            "worker (absent)",
        ),
        ("<h1>Oops</h1>", "does not answer as it should"),
        ("[1]", "does not answer as it should"),
    ],
)
def test_what_is_waited_for_is_said_in_words(answer: str, told: str) -> None:
    assert told in not_healthy(answer)


def test_a_command_gets_empty_servers_that_are_forgotten(folder: Path) -> None:
    kept = folder / "addresses"
    script = f'echo "$DATABASE_URL $REDIS_URL $BTCW_SECRET_KEY" > {kept}; exit 7'
    given = ["sh", "-c", script]
    code = run_with_servers(given, folder / "home", Terminal(), throwaway=True)
    assert code == 7
    words = kept.read_text(encoding="utf-8").split()
    assert [word.partition("://")[0] for word in words[:2]] == ["postgres", "redis"]
    assert len(words) == 3
    assert not (folder / "home").exists()


@pytest.mark.usefixtures("embedded")
def test_a_command_gets_the_servers_of_the_home(folder: Path) -> None:
    kept = folder / "address"
    home = folder / "home"
    given = ["sh", "-c", f'echo "$DATABASE_URL" >> {kept}']
    for _ in range(2):
        assert run_with_servers(given, home, Terminal(), throwaway=False) == 0
    first, second = kept.read_text(encoding="utf-8").split()
    assert first == second
    assert running_processes(home) == {}


def test_the_command_line_turns_errors_into_a_sentence_and_a_code(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "thesis.txt").touch()
    monkeypatch.setattr(command_line, "HOME", folder)
    assert command_line.main(["clean"]) == 1
    assert command_line.main(["up"]) == 1
    printed = capsys.readouterr().out
    assert printed.count("Error: ") == 2
    assert "not removed" in printed
    monkeypatch.setattr(command_line, "HOME", folder / "absent")
    assert command_line.main(["clean"]) == 0

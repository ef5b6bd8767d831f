"""Errors as sentences, endings that scripts understand, bars for terminals alone."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, ProgrammingError
from django.utils import translation
from redis.exceptions import ConnectionError as RedisAway

from btc_watcher.env import BASE_DIR
from btc_watcher.lib.commands.base import PlainCommand, UsageError
from btc_watcher.lib.commands.helping import Example
from btc_watcher.lib.errors import BtcWatcherError
from tests.servers import ENV

if TYPE_CHECKING:
    from collections.abc import Iterator

LATE = 60.0
HEAD = "import sys, time; from btc_watcher.lib.commands.{} import *; "


class Raising(PlainCommand):
    """Raises what it is given."""

    help = "Raise."
    examples = (Example("It fails", "raising"),)
    requires_system_checks = ()
    error: ClassVar[Exception]

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Raise."""
        raise self.error


def typed(error: Exception, *words: str) -> int | str | None:
    """Run the command as if somebody typed it; return the exit code."""
    Raising.error = error
    with pytest.raises(SystemExit) as ended:
        Raising().run_from_argv(["manage.py", "raising", *words])
    return ended.value.code


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            BtcWatcherError("The pot is empty; fill it."),
            1,
            "The pot is empty; fill it.",
        ),
        (CommandError("Nothing was done."), 1, "Nothing was done."),
        (UsageError("Name the pot."), 2, "Name the pot."),
        (RedisAway("refused"), 1, "Redis does not answer (refused)."),
        (
            OperationalError("refused\nmore"),
            1,
            "The database does not answer (refused).",
        ),
    ],
)
def test_an_error_is_one_sentence_and_an_exit_code(
    error: Exception, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(error) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"Error: {words}")
    assert told.err.count("\n") == 1


def test_an_error_is_told_in_the_language_of_the_machine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with translation.override("zh-hans"):
        assert typed(RedisAway("refused")) == 1
    assert capsys.readouterr().err.startswith("错误：Redis")


def test_somebody_who_wants_the_trace_gets_it() -> None:
    Raising.error = BtcWatcherError("The pot is empty.")
    with pytest.raises(CommandError, match="The pot is empty") as raised:
        Raising().run_from_argv(["manage.py", "raising", "--traceback"])
    assert isinstance(raised.value.__cause__, BtcWatcherError)


def test_a_caller_in_python_gets_the_error_itself() -> None:
    Raising.error = BtcWatcherError("The pot is empty.")
    with pytest.raises(CommandError, match="The pot is empty"):
        call_command(Raising())


def test_a_mistake_of_ours_is_not_hidden_behind_a_sentence() -> None:
    Raising.error = ProgrammingError("syntax error")
    with pytest.raises(ProgrammingError):
        call_command(Raising())


def test_what_runs_on_breaks_off_with_its_trace() -> None:
    class Lasting(Raising):
        is_lasting = True

    for error in (OperationalError("away"), BtcWatcherError("The pot is empty.")):
        Lasting.error = error
        with pytest.raises(type(error)):
            Lasting().run_from_argv(["manage.py", "lasting"])


@pytest.mark.django_db
def test_a_database_without_our_tables_is_told_to_migrate() -> None:
    class Asking(Raising):
        def handle(self, *_args: Any, **_options: Any) -> None:
            from django.db import connection  # noqa: PLC0415

            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM no_such_table")

    with pytest.raises(CommandError, match=r"Run: manage\.py migrate"):
        call_command(Asking())


def manage(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=BASE_DIR,
        env=dict(ENV) | {"BTCW_LANGUAGE": "en"} | changes,
        capture_output=True,
        text=True,
        check=False,
        timeout=LATE,
    )


def test_a_database_that_is_away_is_one_sentence_with_its_reason() -> None:
    away = "postgres://nobody:my-pass-word@127.0.0.1:1/none"
    done = manage("strategy", "list", DATABASE_URL=away, BTCW_DB_POOL_MIN="1")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "Connection refused" in line
    assert "my-pass-word" not in line


def test_an_answer_in_json_is_alone_on_the_output(tmp_path: Any) -> None:
    done = manage("generate_key", "--json", "--id", "office")
    assert json.loads(done.stdout)["key"].startswith("office:")
    assert (done.returncode, done.stderr) == (0, "")


@contextmanager
def child(code: str, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run Python beside us; it is dead afterwards."""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=BASE_DIR, **streams) as process:
        try:
            yield process
        finally:
            process.kill()


def test_ctrl_c_ends_with_130_and_says_nothing() -> None:
    # What is started in the background by a script ignores the signal otherwise.
    code = HEAD.format("ending") + "import signal"
    code += "\nsignal.signal(signal.SIGINT, signal.default_int_handler)"
    code += "\nwith ending_plainly():"
    code += "\n  print('ready', flush=True); time.sleep(60)"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with child(code, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=LATE)
    assert (process.returncode, err) == (130, b"")


@pytest.mark.parametrize("size", [1, 1_000_000])
def test_a_reader_who_has_seen_enough_is_no_error(size: int) -> None:
    code = HEAD.format("ending") + "\nsys.stdin.readline()\nwith ending_plainly():"
    code += f"\n  print('x' * {size})"
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    reading, writing = os.pipe()
    with child(code, stdout=writing, **pipes) as process:
        os.close(writing)
        os.close(reading)
        _out, err = process.communicate(b"go\n", timeout=LATE)
    assert (process.returncode, err) == (141, b"")


def test_another_broken_pipe_is_an_error_as_ever() -> None:
    code = HEAD.format("ending") + "\nwith ending_plainly(): raise BrokenPipeError"
    with child(code, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        _out, err = process.communicate(timeout=LATE)
    assert process.returncode == 1
    assert b"BrokenPipeError" in err


BAR = HEAD.format("progress") + (
    "\nwith bar('cooking', shown={shown}, total=2) as told:"
    "\n  told(1)\n  with told.aside(): print('half', flush=True)\n  told(2)"
)


def on_terminal(code: str) -> tuple[str, str]:
    """Return the output, which is a pipe, and what came to the terminal."""
    ours, theirs = pty.openpty()
    environment = dict(ENV) | {"TERM": "xterm-256color", "COLUMNS": "100"}
    pipe = subprocess.PIPE
    with child(code, stdout=pipe, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        end = time.monotonic() + LATE
        while time.monotonic() < end:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    seen += os.read(ours, 65_536)
                except OSError:
                    break
        out, _err = process.communicate(timeout=LATE)
    os.close(ours)
    assert process.returncode == 0
    return out.decode(), seen.decode()


def test_a_bar_is_on_the_terminal_and_the_answer_in_the_pipe() -> None:
    out, seen = on_terminal(BAR.format(shown=True))
    assert out == "half\n"
    assert "cooking" in seen
    assert "100%" in seen


def test_a_bar_that_is_not_wanted_writes_nothing() -> None:
    assert on_terminal(BAR.format(shown=False)) == ("half\n", "")


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"verbosity": 1}, True),
        ({"verbosity": 0}, False),
        ({"verbosity": 1, "json": True}, False),
    ],
)
def test_progress_is_for_a_person_who_wants_it(
    options: dict[str, Any], *, shown: bool
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert Raising(stderr=Terminal()).watched(options) is shown
    assert not Raising(stderr=io.StringIO()).watched(options)


def test_chinese_help_is_wrapped_by_the_room_that_it_takes() -> None:
    Raising.help = "把指定时间范围内的信号写入文件" * 8
    try:
        told = Raising().create_parser("manage.py", "raising").format_help()
    finally:
        Raising.help = "Raise."
    lines = [line for line in told.splitlines() if "信号" in line]
    assert len(lines) > 1
    assert all(len(line.encode("gb18030")) <= 100 for line in lines)

"""The demonstration's mail server, as a process and as a folder."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import smtplib
import socket
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command

from notifications import mailcatcher
from notifications.mailcatcher import mail_store, mails_newest
from notifications.management.commands.run_mailcatcher import Command
from tests.notifications.workers import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.fixtures import Settings

MAIL = (
    "From: watcher@example.org\r\nTo: a@example.org\r\nMessage-ID: <{number}@x>\r\n"
    "Subject: [P0] number {number}\r\n\r\nThe text of {number}.\r\n"
)


def content(number: int) -> bytes:
    return MAIL.format(number=number).encode()


def test_the_newest_mails_come_first(tmp_path: Path) -> None:
    for number in range(3):
        mail_store(tmp_path, content(number))
    mails = mails_newest(tmp_path, 2)
    assert [mail.subject for mail in mails] == ["[P0] number 2", "[P0] number 1"]
    assert mails[0].text == "The text of 2."
    assert (mails[0].sender, mails[0].recipients) == (
        "watcher@example.org",
        "a@example.org",
    )
    assert mails[0].priority == "P0"


def test_a_repeat_is_marked(tmp_path: Path) -> None:
    for number in (1, 2, 1):
        mail_store(tmp_path, content(number))
    assert [mail.repeated for mail in mails_newest(tmp_path)] == [True, False, False]


def test_only_the_newest_are_kept_and_nobody_else_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailcatcher, "KEPT", 2)
    names = [mail_store(tmp_path, content(number)) for number in range(4)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names[2:]
    assert stat.S_IMODE((tmp_path / names[3]).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\xff\xfe no mail at all",
        b"Subject: =?utf-8?b?!!!?=\r\nContent-Type: text/plain; charset=nowhere\r\n\r\nx",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
        b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%",
        b'From: "a\xff" <a@\r\nTo: \r\nMessage-ID: <\r\n\r\n',
    ],
)
def test_a_strange_mail_does_not_hide_the_others(tmp_path: Path, broken: bytes) -> None:
    mail_store(tmp_path, content(1))
    mail_store(tmp_path, broken)
    assert [mail.message_id for mail in mails_newest(tmp_path)][-1] == "<1@x>"
    assert len(mails_newest(tmp_path)) == 2


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    for name in ("notes.txt", "0000000000000001-0000000.eml", "..eml"):
        (tmp_path / name).write_text("x")
    assert mails_newest(tmp_path) == []


@pytest.fixture
def catcher(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A running mail catcher whose home is ``tmp_path``, and its port."""
    process = start(tmp_path, "0")
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"127\.0\.0\.1:(\d+)", line)
    assert found, line
    yield process, int(found[1])
    process.kill()
    process.wait(10)
    process.stdout.close()


def start(home: Path, port: str) -> subprocess.Popen[str]:
    environment = dict(os.environ) | {"BTCW_HOME": str(home)}  # noqa: TID251 - the child's
    return subprocess.Popen(
        [sys.executable, "manage.py", "run_mailcatcher", "--port", port],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
    )


def test_a_mail_is_on_disk_when_it_is_accepted(
    catcher: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    _process, port = catcher
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.sendmail("watcher@example.org", ["a@example.org"], content(5))
        (mail,) = mails_newest(tmp_path / "demo-mail")
    assert mail.subject == "[P0] number 5"
    assert stat.S_IMODE((tmp_path / "demo-mail").stat().st_mode) == 0o700


class Lines(io.StringIO):
    """Collects what a command prints, and tells when there is a line."""

    def __init__(self) -> None:
        super().__init__()
        self.told = asyncio.Event()

    def flush(self) -> None:
        if self.getvalue():
            self.told.set()


async def test_it_serves_until_it_is_told_to_stop(
    settings: Settings, tmp_path: Path
) -> None:
    settings.BTCW_HOME = tmp_path
    lines = Lines()
    serving = asyncio.create_task(Command(stdout=lines).serve(0))
    await asyncio.wait_for(lines.told.wait(), 10)
    port = int(lines.getvalue().strip(".\n").rpartition(":")[2])

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            client.sendmail("watcher@example.org", ["a@example.org"], content(6))

    await asyncio.to_thread(send)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 10)
    (mail,) = mails_newest(mailcatcher.folder())
    assert mail.subject == "[P0] number 6"
    assert lines.getvalue().endswith("The mail catcher has stopped.\n")


def test_a_port_in_use_is_a_command_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"cannot listen on 127.0.0.1:{port}"):
            call_command("run_mailcatcher", "--port", str(port))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(
    catcher: tuple[subprocess.Popen[str], int], number: signal.Signals
) -> None:
    process, port = catcher
    with smtplib.SMTP("127.0.0.1", port, timeout=10):
        process.send_signal(number)
        assert process.wait(10) == 0
    assert process.stdout is not None
    assert len(process.stdout.read().splitlines()) == 1

"""What stands around the system: its exchange, proxy, receiver, and what may be left."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import requests

from btc_watcher.local.environment import LocalEnvironment
from btc_watcher.local.prepare import DEFAULT_MAIL_PORT, DEFAULT_SIMULATOR_PORT
from tests.e2e.system import until
from tests.soak import __main__ as soak
from tests.soak import exchange as exchanges
from tests.soak.exchange import SoakExchange
from tests.soak.options import minutes, parser, seed_of
from tests.soak.proxies import MortalProxy
from tests.soak.receivers import HookReceiver, Mailbox
from tests.soak.samples import family, folder_bytes

if TYPE_CHECKING:
    from pathlib import Path


def test_a_late_exchange_answers_rightly_and_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchanges, "LATE_SECONDS", 0.3)
    with SoakExchange(["BTC/USDT"]) as exchange:
        exchange.late = True
        began = time.monotonic()
        assert requests.get(f"{exchange.url}/ping", timeout=5).json() == {}
        assert time.monotonic() - began >= 0.3
        exchange.late = False
        exchange.set_fault("500")
        assert requests.get(f"{exchange.url}/ping", timeout=5).status_code == 500
    assert exchange.faults == {"late": 1, "500": 1}


def test_a_proxy_dies_and_comes_back_where_it_was() -> None:
    with SoakExchange(["BTC/USDT"]) as exchange, MortalProxy() as proxy:
        ways = {"http": f"http://127.0.0.1:{proxy.port}"}

        def ask() -> int:
            return requests.get(
                f"{exchange.url}/ping", proxies=ways, timeout=5
            ).status_code

        assert ask() == 200
        proxy.die()
        with pytest.raises(requests.ConnectionError):
            ask()
        proxy.revive()
        assert ask() == 200


def test_a_receiver_counts_what_it_has_accepted_and_nothing_else() -> None:
    with HookReceiver() as receiver:

        def post(number: int) -> int:
            headers = {"X-BTCW-Notification": str(number)}
            answer = requests.post(receiver.base, b"{}", headers=headers, timeout=5)
            return answer.status_code

        assert post(1) == post(1) == post(2) == 204
        receiver.fault = "429"
        assert post(3) == 429
    assert receiver.accepted == {1: 2, 2: 1}
    assert receiver.refused == 1


def test_a_mailbox_remembers_what_its_folder_forgets(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    mail = tmp_path / "1.eml"
    mail.write_text("Message-ID: <1@x>\n\nhello")
    mailbox.look()
    mailbox.look()
    mail.unlink()
    mailbox.look()
    assert mailbox.accepted == {"<1@x>": 1}


def test_what_is_left_running_is_ended_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    assert soak.left_over(home) == 0
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], cwd=home, stdin=-1
    ) as left:
        assert soak.left_over(home) == 1
        until(lambda: left.poll() is not None, "its end", 10)
    assert str(left.pid) in capsys.readouterr().err


def test_a_system_is_told_nothing_of_the_environment_of_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/x")
    monkeypatch.setenv("BTCW_SECRET_KEY", "another")
    found = soak.environment(tmp_path)
    assert "DATABASE_URL" not in found
    assert "BTCW_SECRET_KEY" not in found
    assert found["BTCW_HOME"] == str(tmp_path)
    assert found["BTCW_FIRST_BACKFILL"] == "999"


def test_a_home_has_ports_that_no_other_system_begins_with(tmp_path: Path) -> None:
    home = tmp_path / "home"
    soak.own_ports(home)
    local = LocalEnvironment(home)
    local.prepare_home()
    chosen = [local.earlier_port(name) for name in soak.PORTS]
    assert None not in chosen
    assert not set(chosen) & {DEFAULT_MAIL_PORT, DEFAULT_SIMULATOR_PORT}


def test_keys_that_differ_in_numbers_are_of_one_kind() -> None:
    assert family("notifications:budget:12") == family("notifications:budget:3")
    assert family("queue:signals") != family("queue:default")


def test_a_folder_is_as_large_as_its_files(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a").write_bytes(b"x" * 1000)
    (tmp_path / "b").write_bytes(b"x" * 24)
    assert folder_bytes(tmp_path) == 1024


def test_the_command_line_takes_minutes_above_nothing() -> None:
    assert parser().parse_args(["--minutes", "3"]).minutes == 3.0
    assert parser().parse_args(["--calm"]).calm
    for wrong in ("0", "-1", "many"):
        with pytest.raises(SystemExit):
            parser().parse_args(["--minutes", wrong])
    assert minutes("0.5") == 0.5
    assert seed_of(7) == 7
    assert 0 <= seed_of(None) < 1_000_000

"""kill -9 of each process while signals flow: nothing is lost, stored or told twice."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from email import message_from_bytes
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import pytest
import requests
from django.utils import timezone

from btc_watcher.env import BASE_DIR
from btc_watcher.local.environment import LocalEnvironment
from freqtrade_mgmt.bot_config import BotIdentity, bot_folder_read
from freqtrade_mgmt.supervisor.frames import Watched, candle_candidates, frame_candles
from freqtrade_mgmt.supervisor.processes import free_port
from tests.e2e.system import until
from tests.local.helpers import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from freqtrade_mgmt.installer import InstalledFreqtrade

pytestmark = [
    pytest.mark.faults,
    pytest.mark.freqtrade,
    pytest.mark.timeout(900),
]

PASSWORD = "correct-horse-battery"
VICTIMS = ("web", "worker", "supervisor", "valkey", "postgres", "worker-urgent")
PACE_SECONDS = 0.3
BETWEEN_KILLS = 12


class System:
    """``make up`` in a folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{free_port()}"
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        variables = {
            key: value
            for key, value in os.environ.items()  # noqa: TID251 - for a child of ours
            # The servers of the tests are not the ones to be killed.
            if key not in ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
            and not key.startswith("BTCW_")
        } | {
            "BTCW_HOME": str(self.home),
            "BTCW_PORT": self.url.rpartition(":")[2],
            "BTCW_ADMIN_PASSWORD": PASSWORD,
        }
        output = self.home.parent / "up.txt"
        with output.open("wb") as said:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "btc_watcher.local", "up"],
                cwd=BASE_DIR,
                env=variables,
                stdout=said,
                stderr=said,
            )
        child = self._child
        until(
            lambda: child.poll() is not None or "is ready at" in output.read_text(),
            "make up",
            180,
        )
        assert child.poll() is None, output.read_text()

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        if self._child is not None:
            self._child.send_signal(signal.SIGINT)
            self._child.wait(90)

    def pid_of(self, name: str) -> int:
        """Return the pid of one of its processes."""
        roster = json.loads((self.home / "run" / "processes.json").read_text())
        return int(roster[name]["pid"])

    def kill(self, name: str) -> None:
        """Kill -9 one process, and wait until there is another in its place."""
        victim = self.pid_of(name)
        os.kill(victim, signal.SIGKILL)
        until(lambda: self._replaced(name, victim), f"a new {name}", 60)

    def _replaced(self, name: str, victim: int) -> bool:
        try:
            pid = self.pid_of(name)
        except (OSError, ValueError, KeyError):
            return False
        return pid != victim and psutil.pid_exists(pid)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the system's database; an empty list while it does not answer."""
        try:
            with psycopg.connect(self._variable("DATABASE_URL")) as connection:
                return connection.execute(query).fetchall()
        except psycopg.OperationalError:
            return []

    def _variable(self, name: str) -> str:
        for line in (self.home / "local.env").read_text().splitlines():
            key, _, value = line.partition("=")
            if key == name:
                return value.strip("'\"")
        raise KeyError(name)


class Poster(threading.Thread):
    """An integrator: posts a signal again and again until the answer is a yes."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(daemon=True)
        self.confirmed: list[str] = []
        self.stopping = threading.Event()
        self._url, self._token = f"{url}/api/v1/signals/", token

    def has(self, count: int) -> bool:
        """Tell whether that many signals were confirmed."""
        return len(self.confirmed) >= count

    def run(self) -> None:
        """Post one signal after the other until told to stop."""
        for number in itertools.count():
            if self.stopping.wait(PACE_SECONDS):
                return
            self._insist(
                {
                    "strategy": "outside",
                    "pair": f"P{number}/USDT",
                    "exchange": "binance",
                    "timeframe": "5m",
                    "type": "BUY",
                    "price": 100 + number,
                    "strength": (90, 60, 30)[number % 3],
                    "timestamp": timezone.now().isoformat(),
                }
            )

    def _insist(self, row: dict[str, Any]) -> None:
        while not self.stopping.is_set():
            try:
                answer = requests.post(
                    self._url,
                    json=row,
                    headers={"Authorization": f"Bearer {self._token}"},
                    timeout=10,
                )
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code in (200, 201):
                self.confirmed.append(answer.json()["id"])
                return
            self.stopping.wait(0.2)


@pytest.fixture
def system(real_freqtrade: InstalledFreqtrade) -> Iterator[System]:
    with scratch_folder() as folder:
        home = folder / "home"
        LocalEnvironment(home).prepare_home()
        # The environment that the tests keep, instead of half a minute's download.
        (home / "freqtrade").symlink_to(real_freqtrade.path.parent)
        running = System(home)
        try:
            running.start()
            yield running
        finally:
            running.stop()


def identities(system: System) -> dict[int, BotIdentity]:
    """Return how to reach each bot, by its strategy's id."""
    return {
        int(folder.name): bot_folder_read(folder)
        for folder in (system.home / "bots").iterdir()
    }


def marks_of_bots(system: System) -> dict[str, tuple[str, str, str]]:
    """Return what the bots' own frames say: id of every mark, and what it is."""
    names = dict(system.rows("SELECT id, name FROM strategies"))
    marks = {}
    for strategy_id, bot in identities(system).items():
        login = (bot.credentials.username, bot.credentials.password)
        base = f"http://127.0.0.1:{bot.port}/api/v1"
        watched = Watched(
            strategy_id=strategy_id,
            name=names[strategy_id],
            version="v1.0",
            exchange="simulated",
            timeframe="1m",
        )
        pairs = requests.get(f"{base}/whitelist", auth=login, timeout=10).json()
        for pair in pairs["whitelist"]:
            frame = requests.get(
                f"{base}/pair_candles",
                params={"pair": pair, "timeframe": "1m", "limit": "60"},
                auth=login,
                timeout=10,
            ).json()
            for candle in frame_candles(pair, frame["columns"], frame["data"]):
                for candidate in candle_candidates(candle, watched, "oracle"):
                    marks[str(candidate.identifier)] = (
                        candidate.strategy_name,
                        candidate.pair,
                        candidate.timestamp.isoformat(),
                    )
    return marks


def settled(system: System) -> bool:
    """Tell whether every notification has an outcome."""
    return system.rows(
        "SELECT count(*) FILTER (WHERE status IN ('pending', 'retry')) = 0"
        " AND count(*) > 0 FROM notification_history"
    ) == [(True,)]


def digests_sooner(system: System) -> None:
    """Gather messages for seconds; digests of five minutes would be all that we wait for."""
    assert system.rows(
        "UPDATE notification_channels SET config = config ||"
        """ '{"speed": {"P1": 5, "P2": 10}}' RETURNING id"""
    )


def test_killing_anything_loses_nothing_and_repeats_nothing(system: System) -> None:
    digests_sooner(system)
    login = {"username": "admin", "password": PASSWORD}
    answer = requests.post(f"{system.url}/api/v1/auth/token/", json=login, timeout=10)
    until(lambda: system.rows("SELECT 1 FROM signals LIMIT 1"), "a first signal", 60)
    poster = Poster(system.url, answer.json()["token"])
    poster.start()
    began = len(poster.confirmed)
    for victim in VICTIMS:
        enough = len(poster.confirmed) + BETWEEN_KILLS
        until(partial(poster.has, enough), "signals in between", 60)
        system.kill(victim)
    enough = len(poster.confirmed) + BETWEEN_KILLS
    until(partial(poster.has, enough), "signals after the last kill", 60)
    poster.stopping.set()
    poster.join(15)
    assert began < len(poster.confirmed)

    # Every bot is back, and has been followed up to its newest candle.
    running = "SELECT count(*) = 3 FROM strategies WHERE status = 'running'"
    until(lambda: system.rows(running) == [(True,)], "three running bots", 120)
    until(lambda: _missing(system) == {}, "every mark of the bots in the database", 90)
    # A notification that was being sent when its worker died waits for its lease.
    until(lambda: settled(system), "an outcome of every notification", 180)

    stored = [str(row[0]) for row in system.rows("SELECT id FROM signals")]
    assert set(poster.confirmed) <= set(stored)
    assert len(stored) == len(set(stored))
    _check_notifications(system)


def _missing(system: System) -> dict[str, tuple[str, str, str]]:
    stored = {str(row[0]) for row in system.rows("SELECT id FROM signals")}
    since = system.rows("SELECT min(timestamp) FROM signals")[0][0].isoformat()
    return {
        identifier: mark
        for identifier, mark in marks_of_bots(system).items()
        if identifier not in stored and mark[2] > since
    }


def _check_notifications(system: System) -> None:
    rows = system.rows(
        "SELECT signal_id, status, metadata ->> 'message_id',"
        " coalesce((metadata ->> 'unknown_outcome')::boolean, false),"
        " metadata ->> 'collapsed_into'"
        " FROM notification_history"
    )
    # Alerts about what was killed belong to no signal.
    per_signal = Counter(row[0] for row in rows if row[0])
    assert {row[1] for row in rows} == {"sent"}
    assert set(per_signal.values()) == {1}
    wanted = system.rows("SELECT id FROM signals WHERE NOT metadata ? 'quiet'")
    assert {row[0] for row in wanted} == set(per_signal)
    caught = Counter(
        message_from_bytes(path.read_bytes())["Message-ID"]
        for path in (system.home / "demo-mail").glob("*.eml")
    )
    # What a digest told has no mail of its own.
    mails = [row for row in rows if not row[4]]
    assert {row[2] for row in mails} == set(caught)
    # Who cannot know whether a mail left sends it again, and says so.
    unknown = sum(row[3] for row in rows)
    assert sum(caught.values()) - len(caught) <= unknown

"""When a replica is read, when it is left, and how that is told."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest
from django.db import Error, connections
from django.test import Client
from django.utils import timezone

from accounts.models import User
from btc_watcher.env import BASE_DIR
from btc_watcher.lib import replica
from btc_watcher.lib.replica_probe import REPLICA, Reason, Standing
from monitoring.metrics.prometheus import exposition
from signals_app.models import Signal
from tests.e2e.system import environment
from tests.lib.replica.reading import a_signal, is_read
from tests.notifications.workers import wait_for
from tests.standby import replica_at, standby_running, stranger_running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.standby import Standby

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "replica"]),
    pytest.mark.timeout(120),
]

READER = """
import sys, time
import django
django.setup()
from django.db import connections
from btc_watcher.env import BASE_DIR
from btc_watcher.lib import replica
def ask(alias):
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT inet_server_port()")
        return cursor.fetchone()[0]
for _line in sys.stdin:
    started = time.monotonic()
    port = replica.read(ask)
    print(port, time.monotonic() - started, flush=True)
    connections.close_all()
"""


# -- when it is read -----------------------------------------------------------


def test_it_is_read_while_it_is_near_also_when_nobody_writes(near: Standby) -> None:
    assert is_read(near)
    wait_for(lambda: replica.watch.standing().lag == 0.0)
    ends = time.monotonic() + 1.5
    while time.monotonic() < ends:
        assert is_read(near)


def test_one_that_falls_behind_is_left_and_read_again_when_it_has_caught_up(
    near: Standby, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DATABASE_REPLICA_MAX_LAG = 0.5
    caplog.set_level(logging.INFO, "btc_watcher.lib.replica")
    near.pause()
    identifier = a_signal()
    wait_for(lambda: not is_read(near))
    standing = replica.standing()
    assert standing is not None
    assert standing.reason is Reason.BEHIND
    for _ in range(20):
        assert replica.read(
            lambda alias: Signal.objects.using(alias).filter(pk=identifier).exists()
        )
    settings.DATABASE_REPLICA_MAX_LAG = 60.0
    near.resume()
    wait_for(lambda: is_read(near))
    told = [each.getMessage() for each in caplog.records]
    assert [each for each in told if "(behind)" in each] == [
        "The replica of the database is not read (behind); the primary answers."
    ]
    assert told[-1] == "The replica of the database is read again."


def test_one_that_is_stopped_is_left_at_once_and_read_again_when_it_is_back(
    near: Standby,
) -> None:
    near.kill(((signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)))
    for _ in range(5):
        started = time.monotonic()
        assert not is_read(near)
        assert time.monotonic() - started < 3
    assert replica.standing() == Standing(Reason.AWAY)
    near.start()
    wait_for(lambda: is_read(near))


def test_a_reader_whose_replica_dies_in_the_middle_is_answered_by_the_primary(
    near: Standby,
) -> None:
    asked: list[str] = []

    def question(alias: str) -> int:
        asked.append(alias)
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            if alias == REPLICA:
                near.ask("SELECT pg_terminate_backend(%s)", cursor.fetchone()[0])
            cursor.execute("SELECT inet_server_port()")
            return int(cursor.fetchone()[0])

    assert replica.read(question) == int(connections["default"].settings_dict["PORT"])
    assert asked == [REPLICA, replica.PRIMARY]
    wait_for(lambda: is_read(near))


def test_a_statement_that_is_too_slow_there_is_not_asked_again(near: Standby) -> None:
    asked: list[str] = []

    def question(alias: str) -> None:
        asked.append(alias)
        with connections[alias].cursor() as cursor:
            cursor.execute("SET statement_timeout = 50")
            try:
                cursor.execute("SELECT pg_sleep(5)")
            finally:
                cursor.execute("SET statement_timeout = 60000")

    with pytest.raises(Error, match="statement timeout"):
        replica.read(question)
    assert asked == [REPLICA]
    assert is_read(near)


def test_what_has_become_a_primary_itself_is_not_read(
    near: Standby,
) -> None:
    del near
    with standby_running() as other, replica_at(other.port):
        wait_for(lambda: is_read(other))
        other.ask("SELECT pg_promote()")
        wait_for(lambda: replica.watch.standing().reason is Reason.PROMOTED)
        assert not is_read(other)


def test_a_server_that_is_no_copy_of_ours_is_not_read(near: Standby) -> None:
    del near
    with stranger_running() as other, replica_at(other.port):
        wait_for(lambda: replica.watch.standing().reason is Reason.STRANGER)
        assert replica.reading() == replica.PRIMARY


# -- the product's own settings --------------------------------------------------------


@pytest.fixture
def reader(near: Standby, settings: Any, tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """A process of the product with a replica; asked, it says who answered, how fast."""
    values = connections["default"].settings_dict
    login = f"{values['USER']}:{quote(str(values['PASSWORD']))}"
    address = f"postgres://{login}@127.0.0.1:{near.port}/{values['NAME']}"
    with subprocess.Popen(
        [sys.executable, "-c", READER],
        cwd=BASE_DIR,
        env=environment(
            tmp_path,
            settings.REDIS_URL,
            DJANGO_SETTINGS_MODULE="btc_watcher.settings",
            DATABASE_REPLICA_URL=address,
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:

        def ask() -> tuple[int, float]:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write("\n")
            child.stdin.flush()
            port, seconds = child.stdout.readline().split()
            return int(port), float(seconds)

        yield ask
        child.terminate()


def test_a_process_with_a_pool_goes_to_the_primary_and_back(
    near: Standby, reader: Callable[[], tuple[int, float]]
) -> None:
    wait_for(lambda: reader()[0] == near.port)
    near.kill(((signal.SIGKILL, 10.0),))
    # Its pool's connection ends a moment after the server: each process sees that itself.
    slowest = 0.0

    def gone() -> bool:
        nonlocal slowest
        port, seconds = reader()
        slowest = max(slowest, seconds)
        return port != near.port

    wait_for(gone)
    for _ in range(20):
        port, seconds = reader()
        assert port != near.port
        slowest = max(slowest, seconds)
    # Its pool looks for a new connection once, then it is left alone.
    assert slowest < 4
    assert reader()[1] < 0.5
    near.start()
    wait_for(lambda: reader()[0] == near.port)


# -- seen from outside -------------------------------------------------------------


def test_metrics_tell_how_it_stands(near: Standby) -> None:
    assert is_read(near)
    text = exposition(timezone.now())
    assert "\nbtcw_replica_usable{} 1.0\n" in text
    assert "\nbtcw_replica_lag_seconds{} " in text


def test_the_page_of_the_system_tells_how_it_stands(near: Standby) -> None:
    person = Client(headers={"accept-language": "en"})
    person.force_login(User.objects.create_superuser("person", "x", language="en"))
    assert "The replica is read." in person.get("/system/").content.decode()
    near.kill(((signal.SIGKILL, 10.0),))
    wait_for(lambda: not is_read(near))
    assert "The replica is not read." in person.get("/system/").content.decode()
    near.start()
    wait_for(lambda: is_read(near))


def test_its_connections_say_who_they_are(near: Standby) -> None:
    assert is_read(near)
    with psycopg.connect(  # as anybody who looks at the server
        **connections["default"].get_connection_params() | {"port": near.port}
    ) as asked:
        names = asked.execute("SELECT application_name FROM pg_stat_activity")
        assert ("btc_watcher_reading",) in names.fetchall()

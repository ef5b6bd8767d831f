"""Reading on a real streaming replica: only while it is near, and never one's own past."""

from __future__ import annotations

import csv
import io
import logging
import signal
import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest
from django.db import Error, InternalError, connections, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from btc_watcher.env import BASE_DIR
from btc_watcher.lib import replica
from btc_watcher.lib.partitions import SIGNALS, month_start, months_ensure
from btc_watcher.lib.replica_fresh import COOKIE
from btc_watcher.lib.replica_probe import REPLICA, Reason, Standing
from monitoring.metrics.prometheus import exposition
from monitoring.partitions.export import rows_export
from notifications.history import HistoryFilter, notifications_page
from proxies.models import Proxy
from proxies.selectors.history import proxy_history
from signals_app.models import Signal
from signals_app.services import signals_record
from tests.e2e.system import environment
from tests.notifications.workers import wait_for
from tests.signals_app.factories import candidate
from tests.standby import replica_at, standby_running, stranger_running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import redis
    from pytest_django import DjangoDbBlocker

    from tests.standby import Standby

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "replica"]),
    pytest.mark.timeout(120),
]

API = "/api/v1/signals/"
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


@pytest.fixture(scope="module")
def standby(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Standby]:
    """The tests' own server, copied and followed."""
    with (
        django_db_blocker.unblock(),
        standby_running() as server,
        replica_at(server.port),
    ):
        yield server


@pytest.fixture
def near(
    standby: Standby,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> Iterator[Standby]:
    """The replica of this process, which has everything."""
    # A machine that is busy with other tests lags for seconds.
    settings.DATABASE_REPLICA_MAX_LAG = 60.0
    monkeypatch.setattr(replica, "AWAY_SECONDS", 0.2)
    monkeypatch.setattr(replica, "KEPT_SECONDS", 0.05)
    monkeypatch.setattr(replica, "watch", replica.Watch())
    wait_for(lambda: replica.reading() == REPLICA)
    yield standby
    standby.resume()
    connections[REPLICA].close()


def port_asked() -> int:
    """Return the port of the server that a reader is answered by."""

    def ask(alias: str) -> int:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT inet_server_port()")
            return int(cursor.fetchone()[0])

    return replica.read(ask)


def is_read(server: Standby) -> bool:
    return port_asked() == server.port


def a_signal(hours: float = 2, **changes: Any) -> str:
    """Store a signal of some time ago; return its id."""
    moment = timezone.now().replace(microsecond=0) - timedelta(hours=hours)
    ((identifier, word),) = signals_record(
        [candidate(timestamp=moment, **changes)]
    ).answers
    assert word == "created"
    return str(identifier)


def written_through(server: Standby) -> None:
    """Wait until the replica has what was committed."""
    assert replica.read_whole(lambda alias: alias) == REPLICA
    assert server.alive


def old_range() -> dict[str, str]:
    now = timezone.now()
    begin, end = now - timedelta(days=2), now - timedelta(hours=1)
    return {"from": begin.isoformat(), "to": end.isoformat()}


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


# -- who reads there -------------------------------------------------------------


def test_history_and_statistics_are_read_there(near: Standby) -> None:
    before = near.asked("notification_history")
    now = timezone.now()
    notifications_page(
        HistoryFilter(since=now - timedelta(days=7), until=now, text="word"), size=10
    )
    assert near.asked("notification_history") > before

    proxy = Proxy.objects.create(
        name="p", type=Proxy.Type.HTTP, host="127.0.0.1", port=1
    )
    before = near.asked("proxy_test_history")
    assert proxy_history(proxy.pk, since=now - timedelta(days=1), until=now) == []
    assert near.asked("proxy_test_history") > before


def test_the_api_reads_the_past_there_and_what_is_new_on_the_primary(
    near: Standby,
) -> None:
    api = APIClient()
    api.force_authenticate(User.objects.create_user("reader", "secret-word"))
    identifier = a_signal()
    written_through(near)
    before = near.asked('FROM "signals"')
    answer = api.get(API, old_range())
    assert [each["id"] for each in answer.data["results"]] == [identifier]
    assert near.asked('FROM "signals"') == before + 1
    answer = api.get(API)
    assert [each["id"] for each in answer.data["results"]] == [identifier]
    assert near.asked('FROM "signals"') == before + 1


def test_live_pages_never_read_there(near: Standby) -> None:
    person = Client()
    person.force_login(User.objects.create_user("person", "secret-word"))
    before = near.asked('FROM "signals"')
    assert person.get("/").status_code == 200
    assert person.get("/signals/newest/").status_code == 200
    assert near.asked('FROM "signals"') == before


def test_whoever_has_written_reads_the_primary_for_a_while(
    near: Standby, settings: Any
) -> None:
    person = Client()
    person.force_login(User.objects.create_user("person", "secret-word"))
    history = "/notifications/"
    before = near.asked("notification_history")
    assert person.get(history).status_code == 200
    assert near.asked("notification_history") > before

    settings.DATABASE_REPLICA_MAX_LAG = 5.0
    answer = person.post("/logout-is-not-this/")
    assert answer.cookies[COOKIE]["max-age"] == 10
    before = near.asked("notification_history")
    assert person.get(history).status_code == 200
    assert near.asked("notification_history") == before


def test_a_program_that_has_written_reads_the_primary_for_a_while(
    near: Standby, redis_client: redis.Redis, settings: Any
) -> None:
    settings.DATABASE_REPLICA_MAX_LAG = 5.0
    near.pause()
    writer = APIClient(headers={"Authorization": "Bearer of-nobody"})
    user = User.objects.create_superuser("writer", "secret-word")
    writer.force_authenticate(user)
    posted = {
        "strategy": "tradingview",
        "pair": "BTC/USDT",
        "exchange": "binance",
        "timeframe": "5m",
        "type": "BUY",
        "price": 1.5,
        "strength": 91,
        "timestamp": (timezone.now() - timedelta(hours=3)).isoformat(),
    }
    made = writer.post(API, posted, format="json")
    assert made.status_code == 201
    # A program that keeps no cookies.
    writer.cookies.clear()
    answer = writer.get(API, old_range())
    assert [each["id"] for each in answer.data["results"]] == [made.data["id"]]
    (key,) = redis_client.keys("replica:fresh:*")
    assert 0 < redis_client.ttl(key) <= 10


def test_inside_of_a_transaction_the_primary_is_read(near: Standby) -> None:
    assert is_read(near)
    with transaction.atomic():
        assert replica.reading() == replica.PRIMARY


def test_a_row_that_was_read_there_is_saved_on_the_primary(near: Standby) -> None:
    Proxy.objects.create(name="old", type=Proxy.Type.HTTP, host="127.0.0.1", port=1)
    written_through(near)
    row = replica.read(lambda alias: Proxy.objects.using(alias).get(name="old"))
    assert row._state.db == REPLICA
    row.name = "new"
    row.save()
    row.refresh_from_db()
    assert Proxy.objects.get().name == "new"


def test_a_statement_that_writes_is_refused_there_and_not_repeated(
    near: Standby,
) -> None:
    asked: list[str] = []

    def question(alias: str) -> None:
        asked.append(alias)
        Proxy.objects.using(alias).update(name="never")

    with pytest.raises(InternalError, match="read-only"):
        replica.read(question)
    assert asked == [REPLICA]
    assert is_read(near)


# -- export ------------------------------------------------------------------------


def exported(path: Path, **named: Any) -> list[str]:
    """Export the last days; return the ids in the file."""
    now = timezone.now()
    done = rows_export(
        table="signals", begin=now - timedelta(days=3), end=now, path=path, **named
    )
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert done.rows == len(rows)
    return [row["id"] for row in rows]


def test_an_export_reads_there_and_has_what_was_committed_before_it(
    near: Standby, tmp_path: Path
) -> None:
    months_ensure(SIGNALS, [month_start(timezone.now())])
    for number in range(5):
        identifier = a_signal(hours=1 + number)
        before = near.asked("COPY (SELECT")
        assert identifier in exported(tmp_path / "all.csv")
        assert near.asked("COPY (SELECT") > before


def test_an_export_from_a_replica_that_stands_still_comes_from_the_primary(
    near: Standby, tmp_path: Path, settings: Any
) -> None:
    settings.DATABASE_REPLICA_MAX_LAG = 1.0
    near.pause()
    identifier = a_signal()
    assert exported(tmp_path / "all.csv") == [identifier]


def test_an_export_whose_replica_dies_in_the_middle_is_whole(
    near: Standby, tmp_path: Path
) -> None:
    count = 12_000
    moment = timezone.now().replace(microsecond=0) - timedelta(hours=2)
    signals_record(
        [
            candidate(
                timestamp=moment - timedelta(seconds=number), pair=f"P{number % 50}"
            )
            for number in range(count)
        ]
    )
    killed: list[str] = []

    def told(*, rows: int, expected: int, partition: str) -> None:
        del expected
        if rows >= 10_000 and not killed:
            near.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'btc_watcher_reading'"
            )
            killed.append(partition)

    found = exported(tmp_path / "all.csv", told=told)
    assert killed
    assert len(set(found)) == len(found) == count


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
    slowest = 0.0
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

"""Who reads on a replica: the past, and never one's own."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import InternalError, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from btc_watcher.lib import replica
from btc_watcher.lib.partitions import SIGNALS, month_start, months_ensure
from btc_watcher.lib.replica_fresh import COOKIE
from btc_watcher.lib.replica_probe import REPLICA
from monitoring.partitions.export import rows_export
from notifications.history import HistoryFilter, notifications_page
from proxies.models import Proxy
from proxies.selectors.history import proxy_history
from signals_app.services import signals_record
from tests.lib.replica.reading import a_signal, is_read, old_range, written_through
from tests.signals_app.factories import candidate

if TYPE_CHECKING:
    from pathlib import Path

    import redis

    from tests.standby import Standby

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "replica"]),
    pytest.mark.timeout(120),
]

API = "/api/v1/signals/"


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

"""One alert of each kind, told once, in both languages, and over by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone, translation

from btc_watcher.lib.locks import WATCH_ROUND
from monitoring.tasks import watch_servers
from monitoring.watch.judging import Level, Patience, Reading
from monitoring.watch.kinds import KINDS, Kind
from monitoring.watch.models import WatchState
from monitoring.watch.round import watch_round
from monitoring.watch.words import strays_words
from notifications.models import Alert

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]
NOW = timezone.now()
# What each kind may be told with.
FACTS: dict[str, list[dict[str, Any]]] = {
    "database:partitions": [{"names": ["signals_2026_12"]}],
    "database:strays": [{"tables": {"signals": 3}}],
    "database:transaction": [
        {"pid": 7, "seconds": 400, "application": "psql", "state": "idle"}
    ],
    "database:locks": [
        {"seconds": 40, "count": 1, "waiters": [1], "blockers": []},
        {"seconds": 40, "count": 2, "waiters": [1, 2], "blockers": [3]},
    ],
    "database:pools": [
        {"names": ["worker"], "failed": 0},
        {"names": ["worker"], "failed": 2},
    ],
    "database:connections": [{"open": 95, "most": 100}],
    "database:replication": [
        {"reason": "away", "seconds": None, "slots": {}},
        {"reason": "behind", "seconds": None, "slots": {}},
        {"reason": "behind", "seconds": 61.4, "slots": {}},
        {"reason": "promoted", "seconds": None, "slots": {}},
        {"reason": "stranger", "seconds": None, "slots": {}},
        {"reason": "", "seconds": None, "slots": {"old": 3.5}},
    ],
    "work:notifications": [{"count": 1, "seconds": 301}, {"count": 9, "seconds": 999}],
    "redis:evictions": [{"count": 1}, {"count": 12}],
    "redis:memory": [{"used": 95.2, "limit": 100, "percent": 95}],
    "backup:place": [{"places": []}, {"places": [("a, b", "/x"), ("c", "/y")]}],
    "machine:disk": [{"places": [{"host": "here", "path": "/var", "percent": 97}]}],
}


def seen_once(*readings: Reading | Exception) -> Kind:
    """Return a kind whose looks find these, one after another."""
    left = iter(readings)

    def look(_now: Any, _memory: Any) -> Reading:
        found = next(left)
        if isinstance(found, Exception):
            raise found
        return found

    patience = Patience(wrong=timedelta(minutes=1), right=timedelta(minutes=1))
    return Kind("database:strays", "P2", look, strays_words, patience)


def rounds(kind: Kind, count: int) -> list[str]:
    """Return what was done in rounds a minute apart."""
    return [
        watch_round(NOW + timedelta(minutes=number), (kind,)).get(kind.key, "busy")
        for number in range(count)
    ]


def test_a_trouble_is_one_alert_that_is_kept_up_to_date_and_resolved() -> None:
    wrong = [Reading(Level.WRONG, {"tables": {"signals": n}}) for n in (1, 2, 3)]
    kind = seen_once(*wrong, Reading(Level.RIGHT), Reading(Level.RIGHT))
    assert rounds(kind, 3) == ["nothing", "raise", "raise"]
    alert = Alert.objects.get()
    assert (alert.key, alert.priority) == ("database:strays", "P2")
    assert "signals: 3" in alert.body
    assert WatchState.objects.get().told
    later = [watch_round(NOW + timedelta(minutes=n), (kind,)) for n in (3, 4)]
    assert [each[kind.key] for each in later] == ["nothing", "resolve"]
    assert Alert.objects.get().resolved_at is not None
    assert not WatchState.objects.get().told


def test_what_cannot_be_seen_is_neither_wrong_nor_over() -> None:
    class Broken(Kind):
        """Asks for what is not there."""

    def broken(_now: Any, _memory: Any) -> Reading:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")
        raise AssertionError

    good = seen_once(Reading(Level.WRONG, {"tables": {"signals": 1}}))
    bad = Broken("database:partitions", "P1", broken, strays_words)
    done = watch_round(NOW, (bad, good))
    # A failed statement ends neither the round nor what the others have found.
    assert done == {"database:partitions": "unknown", "database:strays": "nothing"}
    assert WatchState.objects.get().wrong_since == NOW
    lost = seen_once(OSError("disk"))
    assert rounds(lost, 1) == ["unknown"]
    assert WatchState.objects.get().wrong_since == NOW


@pytest.fixture
def another_round() -> Iterator[None]:
    """Another worker is at it."""
    given = dict(connection.get_connection_params())
    for name in ("cursor_factory", "context"):
        given.pop(name, None)
    with psycopg.connect(**given) as other:
        other.execute(WATCH_ROUND.take(wait=True, session=False), WATCH_ROUND.values)
        yield
        other.rollback()


def test_a_kind_that_breaks_does_not_silence_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def speechless(_facts: Any) -> Any:
        raise KeyError("tables")

    wrong = Reading(Level.WRONG, {"tables": {"signals": 1}})
    bad = Kind("database:partitions", "P1", lambda _now, _memory: wrong, speechless)
    good = Kind("database:strays", "P2", lambda _now, _memory: wrong, strays_words)

    done = watch_round(NOW, (bad, good))

    assert done == {"database:partitions": "unknown", "database:strays": "raise"}
    assert Alert.objects.get().key == "database:strays"
    assert "database:partitions could not be judged" in caplog.text


@pytest.mark.usefixtures("another_round")
def test_one_round_at_a_time() -> None:
    assert watch_round(NOW, (seen_once(),)) == {}
    assert not WatchState.objects.exists()


def test_a_row_outside_of_every_month_is_told_after_an_hour_and_its_end_too() -> None:
    kind = next(each for each in KINDS if each.key == "database:strays")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO proxy_test_history (test_time, success)"
            " VALUES ('2001-01-01', true)"
        )
    try:
        for minutes, count in ((0, 0), (59, 0), (60, 1), (61, 1)):
            watch_round(NOW + timedelta(minutes=minutes), (kind,))
            assert Alert.objects.count() == count
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM proxy_test_history")
    watch_round(NOW + timedelta(minutes=62), (kind,))
    assert Alert.objects.get().resolved_at is not None


def test_a_healthy_system_has_nothing_to_tell() -> None:
    done = watch_servers()
    assert done.keys() == {kind.key for kind in KINDS}
    quiet = {key for key, what in done.items() if what == "nothing"}
    # The machine of the tests may have a disk that is full.
    assert {kind.key for kind in KINDS} - quiet <= {"machine:disk"}
    assert Alert.objects.exclude(key="machine:disk").count() == 0


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.key)
def test_every_kind_says_what_is_wrong_in_either_language(kind: Kind) -> None:
    for facts in FACTS[kind.key]:
        for language, _name in django_settings.LANGUAGES:
            with translation.override(language):
                words = kind.words(facts)
            assert words.title
            assert words.body
            assert "%(" not in words.title + words.body


def test_the_schedule_has_the_watch() -> None:
    entry: Any = django_settings.CELERY_BEAT_SCHEDULE["watch the servers"]
    assert entry["task"] == watch_servers.name

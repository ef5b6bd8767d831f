"""The page of the partitions."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from btc_watcher.lib.locks import COUNTING
from btc_watcher.lib.partitions import (
    PROXY_TESTS,
    TABLES,
    Plan,
    apply,
    month_start,
    state_read,
)
from monitoring.backups.servers import server_of_backups
from monitoring.partitions import counting
from monitoring.partitions.page import tables_shown
from monitoring.schedules.services import schedules_seed
from monitoring.tasks import rotate_partitions, rotation_now
from tests.monitoring.asking import asked, person

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    import redis
    from django.test import Client
    from pytest_django import Settings

    from monitoring.partitions.page import TableShown

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

PAGE = "/system/partitions/"
OLD = date(2019, 1, 1)


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(person("mei"))
    return client


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(person("li", operator=True))
    return client


@pytest.fixture
def _as_before() -> Iterator[None]:
    """Leave the partitions as they were."""
    before = {table: state_read(table).partitions for table in TABLES}
    yield
    for table, names in before.items():
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {table.name}")
        new = state_read(table).partitions - names
        apply(Plan(table, drop=tuple(sorted(new))))


def month_make(month: date) -> str:
    """Make a month of the tests of proxies, in the transaction of the test."""
    name = PROXY_TESTS.partition(month)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {name} PARTITION OF proxy_test_history"
            f" FOR VALUES FROM ('{month} 00:00+00')"
            f" TO ('{month_start(month, 1)} 00:00+00')"
        )
    return name


def rows_made(moment: date | datetime, rows: int = 1) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO proxy_test_history (test_time, success)"
            " SELECT %s::timestamptz, true FROM generate_series(1, %s)",
            [f"{moment:%Y-%m-%d} 12:00+00", rows],
        )


def text_of(client: Client, address: str = PAGE) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def proxies() -> TableShown:
    return next(
        t for t in tables_shown(timezone.now(), {}) if t.name == PROXY_TESTS.name
    )


def states() -> dict[str, str]:
    return {
        line.facts.name if line.facts else f"{line.first:%Y-%m}": line.state
        for line in proxies().lines
    }


def test_every_partition_is_shown_with_its_state(staff: Client) -> None:
    text = text_of(staff)
    for table in TABLES:
        for name in state_read(table).partitions:
            assert f"<code>{name}</code>" in text
    now = timezone.now()
    assert states()[PROXY_TESTS.partition(month_start(now))] == "current"
    assert states()[PROXY_TESTS.partition(month_start(now, 1))] == "future"
    assert states()[PROXY_TESTS.default] == "default"
    assert "every month is kept" in text
    assert "Nothing: every month is kept." in text


def test_gaps_are_shown_between_the_oldest_month_and_the_newest(staff: Client) -> None:
    month_make(month_start(timezone.now(), -3))
    gap = month_start(timezone.now(), -2)
    assert states()[f"{gap:%Y-%m}"] == "gap"
    assert proxies().gaps == 2
    assert "2 months are missing" in text_of(staff)


def test_years_without_a_month_are_one_line_and_no_fault(staff: Client) -> None:
    month_make(OLD)
    month_make(month_start(OLD, 1))
    line = next(line for line in proxies().lines if line.state == "none")
    now = timezone.now()
    assert (line.first, line.end) == (month_start(OLD, 2), month_start(now, -12))
    assert proxies().gaps == 12
    assert len(proxies().bars) == 36
    assert "Nothing was stored in that time" in text_of(staff)


def test_what_retention_takes_next_is_told_with_its_day(
    staff: Client, settings: Settings
) -> None:
    settings.PARTITION_MONTHS_KEPT = {"proxy_test_history": 2}
    now = timezone.now()
    kept = month_make(month_start(now, -2))
    (going,) = proxies().going
    assert (going.line.facts and going.line.facts.name, going.is_now) == (kept, False)
    assert going.day == month_start(now, 1)
    assert f"on {going.day}" in text_of(staff)
    old = month_make(OLD)
    (going,) = proxies().going
    assert (going.line.facts and going.line.facts.name, going.is_now) == (old, True)
    text = text_of(staff)
    assert "with the next rotation" in text
    assert "deleted with all its rows" in text
    assert (states()[old], states()[kept]) == ("retired", "kept")


def test_detached_months_are_shown_and_counted_apart(staff: Client) -> None:
    before = proxies().partitions
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE proxy_test_history_2018_01_kept (id int)")
        cursor.execute("CREATE TABLE proxy_test_history_2018_02_going (id int)")
    found = states()
    assert found["proxy_test_history_2018_01_kept"] == "detached"
    assert found["proxy_test_history_2018_02_going"] == "going"
    assert proxies().partitions == before
    assert "kept apart" in text_of(staff)
    plan = text_of(staff, f"{PAGE}plan/")
    assert "Drop proxy_test_history_2018_02_going" in plan


def test_rows_without_a_month_are_told_and_planned_for(staff: Client) -> None:
    rows_made(OLD, rows=3)
    text = text_of(staff)
    assert "3 rows of proxy_test_history lie outside of every month." in text
    plan = text_of(staff, f"{PAGE}plan/")
    assert (
        "Make proxy_test_history_2019_01, and move 3 rows there from"
        " proxy_test_history_default." in plan
    )


def test_the_plan_counts_what_it_drops_and_only_operators_may_begin(
    operator: Client, settings: Settings
) -> None:
    settings.PARTITION_MONTHS_KEPT = {"proxy_test_history": 2}
    name = month_make(OLD)
    plan = text_of(operator, f"{PAGE}plan/")
    assert f"Drop {name} with all its rows." in plan
    assert "Rotate now and drop 1 month" in plan
    settings.PARTITION_KEEP_DETACHED = True
    plan = text_of(operator, f"{PAGE}plan/")
    assert f"Take out {name} and keep it" in plan
    assert "btn-danger" not in plan
    operator.force_login(person("jo"))
    assert "<form" not in text_of(operator, f"{PAGE}plan/")


def test_a_setting_that_makes_no_sense_is_a_sentence_and_no_error(
    staff: Client, settings: Settings
) -> None:
    settings.PARTITION_MONTHS_KEPT = {"users": 2}
    assert "is not cut by month" in text_of(staff)
    assert "is not cut by month" in text_of(staff, f"{PAGE}plan/")


def test_rows_are_counted_on_demand(staff: Client) -> None:
    now = timezone.now()
    rows_made(now, rows=7)
    name = PROXY_TESTS.partition(month_start(now))
    assert ">7</b>" in text_of(staff, f"{PAGE}{name}/rows/")
    for strange in ("accounts_user", "proxy_test_history"):
        assert staff.get(f"{PAGE}{strange}/rows/").status_code == 404


@contextmanager
def counted_elsewhere() -> Iterator[None]:
    """Count, in a session of its own, until the block ends."""
    with another_session() as other:
        other.execute(COUNTING.take(wait=True, session=False), COUNTING.values)
        yield


@contextmanager
def another_session() -> Iterator[psycopg.Connection]:
    with server_of_backups().connect() as other, other.transaction():
        yield other


@pytest.mark.django_db(transaction=True)
def test_two_counts_never_run_at_once_and_the_estimate_stays_meanwhile(
    staff: Client,
) -> None:
    name = PROXY_TESTS.partition(month_start(timezone.now()))
    with counted_elsewhere():
        text = text_of(staff, f"{PAGE}{name}/rows/")
        assert "Another count is at work." in text
        # It can be asked for again, and what was known stands there.
        assert f"{PAGE}{name}/rows/" in text
        assert re.search(r"[\d—]", text)
        waiting = text_of(staff, f"{PAGE}plan/")
        assert "as soon as another count has ended" in waiting
        assert "load delay:2s" in waiting
    assert "</b>" in text_of(staff, f"{PAGE}{name}/rows/")
    assert "load delay" not in text_of(staff, f"{PAGE}plan/")


@pytest.mark.django_db(transaction=True)
def test_a_count_that_takes_too_long_is_given_up(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "SECONDS", 0.3)
    name = PROXY_TESTS.partition(month_start(timezone.now()))
    with another_session() as other:
        # Whoever counts waits for this, as long as a large table would take.
        monkeypatch.setattr("monitoring.database.bounded.LOCK_TIMEOUT", 5000)
        other.execute(f"LOCK TABLE {name}")
        text = text_of(staff, f"{PAGE}{name}/rows/")
    assert "It takes longer than" in text


def test_what_is_counted_no_further_is_shown_as_a_bound(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.database.sizes.STRAYS_COUNTED", 3)
    rows_made(OLD, rows=5)
    text = text_of(staff)
    assert "3+ rows of proxy_test_history lie" in text
    assert '<p class="stat num warn">3+</p>' in text
    assert '<b class="warn">3+</b>' in text


def test_a_rotation_is_asked_of_a_worker_once(
    operator: Client, redis_client: redis.Redis
) -> None:
    response = operator.post(f"{PAGE}rotate/")
    assert (response.status_code, response.headers["Location"]) == (302, PAGE)
    ((task, words),) = asked(redis_client)
    assert (task, words["by"]) == ("monitoring.tasks.rotation_now", "li")
    text = text_of(operator)
    assert "begins soon" in text
    live = operator.get(f"{PAGE}live/")
    assert "HX-Refresh" not in live.headers
    operator.post(f"{PAGE}rotate/")
    assert len(asked(redis_client)) == 1
    assert "One was asked for already" in text_of(operator)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_as_before")
def test_what_a_rotation_did_is_shown(
    operator: Client, redis_client: redis.Redis
) -> None:
    rows_made(OLD, rows=2)
    operator.post(f"{PAGE}rotate/")
    ((_task, words),) = asked(redis_client)
    rotation_now(**words)
    live = operator.get(f"{PAGE}live/")
    assert live.headers["HX-Refresh"] == "true"
    text = text_of(operator)
    assert "proxy_test_history_2019_01 made." in text
    assert "2 rows of proxy_test_history moved to their months." in text
    # The first of these fills the gap that the old month has made.
    rotate_partitions()
    rotate_partitions()
    text = text_of(operator)
    assert "the schedule" in text
    assert "nothing was to do" in text


@pytest.mark.django_db(transaction=True)
def test_why_a_rotation_failed_is_shown(
    operator: Client, settings: Settings, redis_client: redis.Redis
) -> None:
    operator.post(f"{PAGE}rotate/")
    ((_task, words),) = asked(redis_client)
    settings.PARTITION_MONTHS_KEPT = {"signals": 0}
    with pytest.raises(Exception, match="keep at least 1"):
        rotation_now(**words)
    settings.PARTITION_MONTHS_KEPT = {}
    text = text_of(operator)
    assert "keep at least 1" in text
    assert "not everything worked" in text


def test_when_the_next_rotation_is_due_is_told(staff: Client) -> None:
    assert "the schedule has never run" in text_of(staff)
    schedules_seed()
    assert "first start" in text_of(staff)
    entries = PeriodicTask.objects.filter(name="rotate partitions")
    last = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
    entries.update(last_run_at=last)
    assert "overdue" in text_of(staff)
    entries.update(last_run_at=timezone.now() - timedelta(hours=1))
    assert "every 1 d" in text_of(staff)


def test_only_staff_see_the_page_and_only_operators_change_anything(
    client: Client, redis_client: redis.Redis
) -> None:
    name = PROXY_TESTS.partition(month_start(timezone.now()))
    reads = [PAGE, f"{PAGE}plan/", f"{PAGE}live/", f"{PAGE}{name}/rows/"]
    assert [client.get(each).status_code for each in reads] == [302] * 4
    client.force_login(person("jo", staff=False))
    assert [client.get(each).status_code for each in reads] == [403] * 4
    assert client.post(f"{PAGE}rotate/").status_code == 403
    client.force_login(person("mei"))
    assert [client.get(each).status_code for each in reads] == [200] * 4
    assert client.post(f"{PAGE}rotate/").status_code == 403
    assert client.get(f"{PAGE}rotate/").status_code == 405
    assert asked(redis_client) == []

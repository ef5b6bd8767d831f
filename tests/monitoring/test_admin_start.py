"""The admin's first page: how the system is, in few questions, and parts that fail alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from monitoring.backups.selectors import backups_summary
from monitoring.dashboard import start
from monitoring.dashboard.page import COMPONENTS
from monitoring.dashboard.start import admin_start
from monitoring.health import health as system_health
from monitoring.models import ErrorLog
from notifications.dispatch import alert_raise
from notifications.saying import Words
from tests.strategies import factories

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
# Savepoints and time limits of the parts among them.
MOST_QUERIES = 75


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.BTCW_HOME = tmp_path


def page_of(client: Client, language: str = "en") -> str:
    client.cookies["django_language"] = language
    return client.get(reverse("admin:index")).content.decode()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Needs attention", "Last good backup")),
        ("zh-hans", ("需要关注", "备份")),
    ],
)
def test_the_page_says_how_the_system_is(
    admin_client: Client, admin_user: Any, language: str, words: tuple[str, ...]
) -> None:
    admin_user.language = {"en": "en"}.get(language, "zh-CN")
    admin_user.save()
    factories.strategy("one")
    alert_raise(
        key="machine:disk", priority="P0", words=lambda: Words("The disk is full", "")
    )
    ErrorLog.objects.create(level="ERROR", component="proxies", message="boom")
    page = page_of(admin_client, language)
    for each in (*words, "The disk is full", "PostgreSQL", "/system/backups/"):
        assert each in page
    assert page.index('class="state"') < page.index('class="app-strategies')


def test_a_page_of_one_app_is_without_it(admin_client: Client) -> None:
    app = admin_client.get(reverse("admin:app_list", args=["strategies"]))
    assert 'class="state"' not in app.content.decode()


def test_states_and_errors_are_counted() -> None:
    for name in ("one", "two"):
        factories.strategy(name)
    now = timezone.now()
    for age in (1, 8):
        ErrorLog.objects.create(
            level="ERROR",
            component="x",
            message="m",
            timestamp=now - timedelta(days=age),
        )
    found = admin_start(now)
    assert [(each["label"], each["count"]) for each in found["states"]] == [
        ("stopped", 2)
    ]
    assert found["states"][0]["url"].endswith("?status__exact=stopped")
    assert found["errors"] == {"serious": 1, "warnings": 0}
    assert found["unseen"] == []
    assert found["partitions"]["strays"] == []
    assert not found["partitions"]["is_short"]
    assert found["partitions"]["until"] > now.date()
    assert dict(found["versions"])["PostgreSQL"].split(".")[0].isdecimal()


def test_months_that_run_out_are_seen() -> None:
    later = timezone.now() + timedelta(days=200)
    assert admin_start(later)["partitions"]["is_short"]


def test_an_old_backup_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    plain = backups_summary(now)
    for hours, old in ((1, False), (30, True)):
        good = plain | {"good_at": now - timedelta(hours=hours)}
        monkeypatch.setattr(start, "backups_summary", lambda _now, good=good: good)
        assert admin_start(now)["backup"]["is_old"] is old


def test_the_questions_are_few_however_many_strategies_there_are() -> None:
    admin_start(timezone.now())
    counts = []
    for names in ("one", "two three four five"):
        for name in names.split():
            factories.strategy(name)
        with CaptureQueriesContext(connection) as queries:
            admin_start(timezone.now())
        counts.append(len(queries))
        read = [query["sql"] for query in queries.captured_queries]
        assert not [sql for sql in read if 'FROM "signals"' in sql]
        # What waits has an index of its own, and is little.
        counted = [sql for sql in read if "COUNT(*)" in sql.upper()]
        assert all("status IN ('pending', 'retry')" in sql for sql in counted)
    assert counts[0] == counts[1] <= MOST_QUERIES


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("_states", "Strategies"),
        ("_errors", "Errors"),
        ("_partitions", "Partitions"),
        ("_backup", "Backups"),
        ("outbox_waiting", "Notifications that wait"),
    ],
)
def test_a_part_that_fails_is_named_and_the_others_stand(
    monkeypatch: pytest.MonkeyPatch, admin_client: Client, name: str, label: str
) -> None:
    def away(*_given: object) -> None:
        if name == "_backup":
            raise OSError
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")

    monkeypatch.setattr(start, name, away)
    found = admin_start(timezone.now())
    assert found["unseen"] == [label]
    page = page_of(admin_client)
    assert "Not everything could be looked at:" in page
    assert "app-strategies" in page


def test_without_a_database_the_parts_are_named_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away() -> None:
        raise OperationalError("refused")

    monkeypatch.setattr(start, "_states", away)
    unseen = admin_start(timezone.now())["unseen"]
    assert "Strategies" in unseen
    assert "Errors" in unseen
    assert len(unseen) == len(set(unseen))


def test_without_redis_the_page_says_so(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = dict.fromkeys(COMPONENTS, "ok") | {"redis": "failed"}
    monkeypatch.setattr(system_health, "report", lambda: words)
    page = page_of(admin_client)
    assert "Redis cannot be reached" in page
    assert "cannot be reached" in page

"""Errors are resolved, opened again, and new ones are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import translation

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.processes import kind_of
from btc_watcher.lib.redaction import own_redactor, settings_secrets, without_logins
from monitoring.errors.selectors import (
    errors_listed,
    errors_open_count,
    errors_untold,
)
from monitoring.errors.services import (
    error_reopen,
    error_resolve,
    errors_resolve,
    errors_tell,
)
from monitoring.models import ErrorLog
from monitoring.tasks import tell_errors
from notifications.messages import said
from notifications.models import Alert, Notification, NotificationChannel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def _channel() -> None:
    NotificationChannel.objects.create(
        name="mail", type="email", config={"language": "en"}
    )


def group(name: str, at: datetime = NOW, **changes: Any) -> ErrorLog:
    context = {"fingerprint": name, "count": 3, "where": "x:f", "process": "worker"}
    values: dict[str, Any] = {
        "level": "ERROR",
        "component": "proxies",
        "message": f"{name} failed",
        "timestamp": at,
        "context": context | changes.pop("context", {}),
    }
    return ErrorLog.objects.create(**values | changes)


def english(alert: Alert) -> tuple[str, str]:
    """Its title and body; those of the columns are in the installation's language."""
    return said(alert.context, "en", ("", ""))


def open_keys() -> set[str]:
    return set(Alert.objects.filter(resolved_at=None).values_list("key", flat=True))


@pytest.mark.usefixtures("_channel")
def test_a_new_error_is_told_once_and_with_what_is_needed() -> None:
    row = group("a")
    assert errors_tell(NOW) == {"new": 1, "ended": 0}
    assert errors_tell(NOW + timedelta(minutes=1)) == {"new": 0, "ended": 0}
    alert = Alert.objects.get()
    title, body = english(alert)
    assert (alert.key, title) == ("error:a", "New error: proxies")
    assert "a failed" in body
    assert "Where: x:f (worker)" in body
    assert alert.context["error_id"] == row.pk
    assert Notification.objects.count() == 1
    row.refresh_from_db()
    assert "told_at" in row.context
    assert row.context["count"] == 3


def test_warnings_and_what_is_resolved_are_not_told() -> None:
    group("a", level="WARNING")
    group("b", resolved=True, resolved_at=NOW)
    ErrorLog.objects.create(level="ERROR", component="x", message="without a group")
    assert errors_tell(NOW)["new"] == 0
    assert open_keys() == set()


def test_many_at_once_are_one_alert() -> None:
    for number in range(15):
        group(f"g{number}")
    assert errors_tell(NOW)["new"] == 15
    assert open_keys() == {"errors:new"}
    alert = Alert.objects.get()
    title, body = english(alert)
    assert title == "15 new errors"
    assert "… and 5 more" in body
    # It ends by itself.
    assert errors_tell(NOW + timedelta(hours=2))["ended"] == 1
    assert open_keys() == set()


def test_errors_that_come_one_after_another_do_not_make_an_alert_each() -> None:
    for minute in range(20):
        group(f"g{minute}", NOW + timedelta(minutes=minute))
        assert errors_tell(NOW + timedelta(minutes=minute))["new"] == 1
    keys = open_keys()
    assert len(keys) == 11
    assert "errors:new" in keys
    title, body = english(Alert.objects.get(key="errors:new"))
    assert title == "10 new errors"
    assert "g19 failed" in body
    assert "… and 9 more" in body


def test_an_alert_ends_quietly_when_the_error_stays_away() -> None:
    row = group("a")
    errors_tell(NOW)
    assert errors_tell(NOW + timedelta(minutes=30))["ended"] == 0
    assert errors_tell(NOW + timedelta(minutes=90))["ended"] == 1
    row.refresh_from_db()
    assert not row.resolved


def test_resolving_ends_the_alert_and_says_who(settings: Settings) -> None:
    row = group("a")
    errors_tell(NOW)
    assert error_resolve(row.pk, by="mei", now=NOW)
    assert not error_resolve(row.pk, by="jo", now=NOW)
    row.refresh_from_db()
    assert (row.resolved, row.resolved_at) == (True, NOW)
    assert row.context["resolved_by"] == "mei"
    assert open_keys() == set()
    assert error_reopen(row.pk, by="jo", now=NOW)
    assert not error_reopen(row.pk, by="jo", now=NOW)
    row.refresh_from_db()
    assert (row.resolved, row.resolved_at, row.context["reopened_by"]) == (
        False,
        None,
        "jo",
    )
    # Who opens it again knows of it.
    assert errors_tell(NOW)["new"] == 0


def test_an_error_that_came_back_is_told_as_such() -> None:
    group("a", context={"reopened": 1})
    errors_tell(NOW)
    assert english(Alert.objects.get())[0] == "An error is back: proxies"


def test_an_error_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match="There is no error 9"):
        error_resolve(9, by="mei", now=NOW)


def test_the_list_is_filtered_and_bounded() -> None:
    first = group("a", NOW - timedelta(hours=3))
    second = group("b", component="monitoring", level="WARNING")
    third = group("c", resolved=True, resolved_at=NOW)
    assert list(errors_listed()) == [second, first]
    assert list(errors_listed(resolved=None, limit=2)) == [third, second]
    assert list(errors_listed(resolved=True)) == [third]
    assert list(errors_listed(component="monitoring")) == [second]
    assert list(errors_listed(words="A FAILED", level="ERROR")) == [first]
    assert errors_open_count(since=NOW - timedelta(hours=1)) == {"WARNING": 1}
    assert errors_resolve([first.pk, second.pk, third.pk], by="mei", now=NOW) == 2


def test_the_task_tells() -> None:
    group("a")
    assert tell_errors()["new"] == 1


def test_the_secrets_of_the_settings_are_known(settings: Settings) -> None:
    settings.REDIS_URL = "redis://:p%40ss-word@127.0.0.1:6379/0"
    settings.METRICS_TOKEN = "metrics-token-of-ours"
    settings.ENCRYPTION_KEYS = "k1:key-number-one,k2:key-number-two"
    found = settings_secrets()
    wanted = {"p%40ss-word", "p@ss-word", "metrics-token-of-ours", "key-number-two"}
    assert wanted <= found
    assert {"k1", "", "zh-hans", "UTC"}.isdisjoint(found)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("POST /bot123456789:AAHk-abcdefghijklmnopqrst/send", "POST /bot***/send"),
        ("value v1:k1:QUJDREVGR0hJSktMTU5PUFFSU1Q= of", "value *** of"),
        ("ALTER ROLE me PASSWORD 'word'", "ALTER ROLE me PASSWORD '***'"),
        (
            "Key (token_hash)=(abc) already exists.",
            "Key (token_hash)=(***) already exists.",
        ),
        ("Failing row contains (1, me, word).", "Failing row contains (***)."),
        ("argon2$argon2id$v=19$m=1,t=2$c2FsdA$aGFzaA", "***"),
        ("Version v1:2 of 3", "Version v1:2 of 3"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, shown: str) -> None:
    own_redactor.cache_clear()
    assert own_redactor()(text) == shown


def test_logins_are_taken_out_of_addresses() -> None:
    assert without_logins("at https://me:word@host/x") == "at https://***@host/x"


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["/v/bin/uvicorn", "btc_watcher.asgi:application"], "web"),
        (["/v/lib/uvicorn/__main__.py", "x"], "web"),
        (["manage.py", "runserver"], "web"),
        (["/v/lib/celery/__main__.py", "-A", "btc_watcher", "worker"], "worker"),
        (["celery", "-A", "btc_watcher", "beat"], "beat"),
        (["manage.py", "run_supervisor"], "supervisor"),
        (["manage.py", "migrate"], "migrate"),
        (["/v/bin/pytest"], "pytest"),
        ([""], "python"),
        ([], "python"),
    ],
)
def test_a_process_knows_what_it_is(arguments: list[str], kind: str) -> None:
    assert kind_of(arguments) == kind


MANY = """
INSERT INTO error_logs (level, component, message, context)
SELECT 'ERROR', 'x', 'y', jsonb_build_object('fingerprint', n::text, 'told_at', now())
  FROM generate_series(1, 20000) AS n
"""


def test_among_many_that_were_told_the_new_ones_are_found_by_an_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute(MANY)
        cursor.execute("ANALYZE error_logs")
    row = group("new")
    assert list(errors_untold()) == [row]
    assert "error_logs_untold" in errors_untold().explain()

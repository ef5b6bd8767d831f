"""GET /health/ against real servers, and without them."""

from __future__ import annotations

import json
import socket
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone

from btc_watcher.lib import redis_client as redis_module
from btc_watcher.lib.redis_keys import DEFAULT_QUEUE
from btc_watcher.local import ports
from btc_watcher.local.servers import EmbeddedValkey
from monitoring import health, readiness
from notifications.models import Notification
from strategies.models import Strategy, StrategyProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import redis
    from django.test import Client
    from pytest_django import Settings

# The questions are asked in threads of their own, which see only what is committed.
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client", "_fresh_health"),
]


@pytest.fixture
def _fresh_health(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what an earlier test learned."""
    monkeypatch.setattr("monitoring.views.system_health", health.Health())


@pytest.fixture
def other_redis(settings: Settings) -> Iterator[Settings]:
    """Let a test name another Redis."""
    redis_module.redis_connection.cache_clear()
    yield settings
    redis_module.redis_connection().close()
    redis_module.redis_connection.cache_clear()


def ask(client: Client) -> tuple[int, dict[str, Any]]:
    response = client.get("/health/")
    assert response.headers["Content-Type"] == "application/json"
    assert "no-store" in response.headers["Cache-Control"]
    return response.status_code, json.loads(response.content)


def test_a_system_at_rest_is_well_and_says_so_to_anybody(client: Client) -> None:
    status, report = ask(client)
    assert status == 200
    assert report == {
        "status": "ok",
        "database": "ok",
        "redis": "ok",
        "supervisor": "idle",
        "worker": "ok",
        "partitions": "ok",
    }


def test_the_answer_comes_to_a_browser_that_is_logged_in_too(
    admin_client: Client,
) -> None:
    admin_client.get("/profile/")
    assert ask(admin_client)[0] == 200


def test_only_reading_is_allowed(client: Client) -> None:
    assert client.post("/health/").status_code == 405
    assert client.head("/health/").status_code == 200


def test_without_redis_the_answer_is_503_and_comes_soon(
    client: Client, other_redis: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    other_redis.REDIS_URL = f"redis://:my-secret@127.0.0.1:{ports.any_free()}/0"
    status, report = ask(client)
    assert (status, report["redis"], report["database"]) == (503, "failed", "ok")
    assert "secret" not in json.dumps(report)
    # An answer is no error of ours: nobody is told of one at every question.
    assert [each for each in caplog.records if each.name == "django.request"] == []


def test_a_redis_that_stops_and_comes_back_is_seen(
    client: Client,
    other_redis: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "KEPT_SECONDS", 0.0)
    server = EmbeddedValkey(
        tmp_path / "valkey", tmp_path / "log", port=ports.any_free(), throwaway=True
    )
    server.start()
    try:
        other_redis.REDIS_URL = server.url
        assert ask(client)[0] == 200
        server.stop()
        assert ask(client)[1]["redis"] == "failed"
        server.start()
        assert ask(client)[0] == 200
    finally:
        server.stop()


def test_a_redis_that_hangs_is_waited_for_two_seconds(
    client: Client, other_redis: Settings
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        other_redis.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        started = time.monotonic()
        status, report = ask(client)
        assert time.monotonic() - started < 4
        assert (status, report["redis"]) == (503, "timeout")


def test_without_the_database_the_answer_is_503_and_names_no_address(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = ports.any_free()
    # Threads have connections of their own; this is what they are made from.
    monkeypatch.setitem(connection.settings_dict, "PORT", str(port))
    status, report = ask(client)
    assert status == 503
    assert report["database"] == "failed"
    assert report["redis"] == "ok"
    assert report["supervisor"] == report["worker"] == report["partitions"] == "unknown"
    assert str(port) not in json.dumps(report)


def test_the_report_is_kept_for_a_second(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "KEPT_SECONDS", 30.0)
    assert ask(client)[0] == 200
    Strategy.objects.create(name="wanted", status="running")
    assert ask(client)[0] == 200
    monkeypatch.setattr(health, "KEPT_SECONDS", 0.0)
    assert ask(client)[0] == 503


@pytest.mark.parametrize(
    ("wanted", "heartbeat", "word", "status"),
    [
        ("running", None, "absent", 503),
        ("starting", None, "absent", 503),
        ("stopped", None, "idle", 200),
        ("error", None, "idle", 200),
        ("running", 5, "ok", 200),
        ("running", 200, "stale", 503),
        ("stopped", 200, "idle", 200),
    ],
)
def test_the_supervisor_is_known_by_its_heartbeat(
    client: Client, wanted: str, heartbeat: int | None, word: str, status: int
) -> None:
    strategy = Strategy.objects.create(name="ema", status=wanted)
    if heartbeat is not None:
        beat = timezone.now() - timedelta(seconds=heartbeat)
        StrategyProcess.objects.create(
            strategy=strategy, status="running", last_heartbeat=beat
        )
    answered, report = ask(client)
    assert (report["supervisor"], answered) == (word, status)


def test_the_heartbeat_of_a_process_that_ended_does_not_count(client: Client) -> None:
    strategy = Strategy.objects.create(name="ema", status="running")
    StrategyProcess.objects.create(
        strategy=strategy, status="stopped", stop_time=timezone.now()
    )
    assert ask(client)[1]["supervisor"] == "absent"


@pytest.mark.parametrize(
    ("state", "minutes", "again_in", "word"),
    [
        ("pending", 1, None, "ok"),
        ("pending", 6, None, "late"),
        ("retry", 60, 5, "ok"),
        ("retry", 60, -6, "late"),
        ("sent", 60, None, "ok"),
        ("failed", 60, None, "ok"),
    ],
)
def test_a_notification_that_is_long_due_shows_that_no_worker_works(
    client: Client, state: str, minutes: int, again_in: int | None, word: str
) -> None:
    now = timezone.now()
    metadata = {}
    if again_in is not None:
        again = now + timedelta(minutes=again_in)
        metadata["next_attempt_at"] = again.isoformat()
    Notification.objects.create(
        channel_type="email",
        message_type="signal",
        content="x",
        status=state,
        sent_at=now - timedelta(minutes=minutes),
        metadata=metadata,
    )
    assert ask(client)[1]["worker"] == word


def test_tasks_that_nobody_takes_show_that_no_worker_works(
    client: Client, redis_client: redis.Redis
) -> None:
    redis_client.rpush(DEFAULT_QUEUE, *["{}"] * (health.TASKS_WAITING + 1))
    status, report = ask(client)
    assert (status, report["worker"]) == (503, "late")


def test_a_row_in_the_safety_net_is_a_warning_and_no_alarm(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO proxy_test_history (test_time, success)"
            " VALUES ('2001-01-01 00:00+00', true)"
        )
    status, report = ask(client)
    assert (status, report["status"], report["partitions"]) == (
        200,
        "warning",
        "warning",
    )


def test_a_process_that_answers_is_alive_whatever_else_is_away(
    client: Client, other_redis: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_redis.REDIS_URL = f"redis://127.0.0.1:{ports.any_free()}/0"
    monkeypatch.setitem(connection.settings_dict, "PORT", str(ports.any_free()))
    answer = client.get("/health/live")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.fixture
def ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Ask whether the process can serve, with nothing remembered."""

    def asked() -> tuple[int, dict[str, Any]]:
        monkeypatch.setattr("monitoring.views.readiness", readiness.Readiness())
        response = client.get("/health/ready")
        return response.status_code, json.loads(response.content)

    return asked


def test_a_process_with_its_database_is_ready(ready: Callable[[], Any]) -> None:
    expected = {"status": "ok", "database": "ok", "migrations": "ok", "redis": "ok"}
    assert ready() == (200, expected)


def test_without_redis_pages_are_slower_and_the_process_is_ready(
    ready: Callable[[], Any], other_redis: Settings
) -> None:
    other_redis.REDIS_URL = f"redis://127.0.0.1:{ports.any_free()}/0"
    status, report = ready()
    assert (status, report["status"], report["redis"]) == (200, "ok", "failed")


def test_without_the_database_the_process_is_not_ready(
    ready: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "PORT", str(ports.any_free()))
    status, report = ready()
    assert (status, report["database"]) == (503, "failed")


def test_with_migrations_to_come_the_process_is_not_ready(
    ready: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_is_migrated", lambda: False)
    status, report = ready()
    assert (status, report["migrations"]) == (503, "missing")

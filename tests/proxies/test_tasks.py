"""The regular tests, those on demand, and what the page hears of them."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from celery import current_app
from django.conf import settings
from django.utils import timezone

from btc_watcher.lib.redis_keys import DEFAULT_QUEUE
from proxies import tasks
from proxies.cache import claim_test, live_get, live_put, release_test
from proxies.dispatch import proxy_test_soon
from proxies.models import Proxy, ProxyTest
from tests.proxies.fakes import proxy_row

if TYPE_CHECKING:
    import redis
    from pytest_django import DjangoCaptureOnCommitCallbacks
    from pytest_django.fixtures import Settings

    from tests.notifications.fakes import ProxyFake
    from tests.proxies.fakes import TargetFake

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_uses_any(settings: Settings, redis_client: redis.Redis) -> None:
    settings.PROXY_USERS = []


def waiting(client: redis.Redis) -> list[dict[str, Any]]:
    """Return the headers of the tasks in the queue, the oldest first."""
    found: Any = client.lrange(DEFAULT_QUEUE, 0, -1)
    return [json.loads(text)["headers"] for text in reversed(found)]


def test_every_proxy_that_is_switched_on_is_tested_hourly(
    between: ProxyFake, target: TargetFake, url: str, redis_client: redis.Redis
) -> None:
    good = proxy_row(between.port, test_url=url)
    bad = proxy_row(between.port, "socks5", name="bad", test_url="http://x.invalid:1/")
    proxy_row(between.port, "socks4", name="off", test_url=url, enabled=False)
    assert tasks.check_all() == {"tested": 2, "failed": 1}
    found = dict(ProxyTest.objects.values_list("proxy", "success"))
    assert found == {good.pk: True, bad.pk: False}
    assert set(ProxyTest.objects.values_list("test_details__why", flat=True)) == {
        "scheduled"
    }
    # Nothing is known of them yet, so both are tested again soon.
    assert [each["task"] for each in waiting(redis_client)] == [
        "proxies.tasks.check_one"
    ] * 2


def test_those_that_fail_are_tried_again_and_no_others(
    between: ProxyFake, url: str
) -> None:
    proxy_row(between.port, test_url=url)
    sick = proxy_row(between.port, "socks5", test_url=url)
    Proxy.objects.filter(pk=sick.pk).update(
        status="unhealthy", last_test_time=timezone.now() - timedelta(minutes=11)
    )
    assert tasks.retry_failing() == {"tested": 1, "failed": 0}
    assert tasks.retry_failing() == {"tested": 0, "failed": 0}
    assert between.kinds == ["socks5"]


def test_the_schedule_names_tasks_that_exist_and_expire_in_time() -> None:
    for name in ("test proxies", "retry failing proxies"):
        entry: Any = settings.CELERY_BEAT_SCHEDULE[name]
        assert entry["task"] in current_app.tasks
        assert entry["options"]["expires"] < entry["schedule"].run_every.total_seconds()
    hourly: Any = settings.CELERY_BEAT_SCHEDULE["test proxies"]["schedule"]
    assert hourly.run_every == timedelta(hours=1)


def test_a_test_on_demand_is_told_to_the_page(
    between: ProxyFake,
    url: str,
    redis_client: redis.Redis,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    proxy = proxy_row(between.port, test_url=url)
    with django_capture_on_commit_callbacks(execute=True):
        proxy_test_soon(proxy.pk, "on_demand")
        assert live_get(proxy.pk) is None
    live = live_get(proxy.pk)
    assert live is not None
    assert live["state"] == "waiting"
    (task,) = waiting(redis_client)
    assert task["argsrepr"] == f"({proxy.pk}, 'on_demand', 6)"
    assert tasks.check_one(proxy.pk, "on_demand")
    live = live_get(proxy.pk)
    assert live is not None
    assert (live["state"], live["success"]) == ("done", True)
    assert live["exit_address"] == "203.0.113.7"
    assert live["test"] == ProxyTest.objects.get().pk
    (_first, again) = waiting(redis_client)
    assert again["eta"]


def test_a_failed_test_is_told_with_its_cause(dead_port: int) -> None:
    proxy = proxy_row(dead_port, "socks5")
    assert not tasks.check_one(proxy.pk, "on_demand")
    live = live_get(proxy.pk)
    assert live is not None
    assert (live["state"], live["failure"]) == ("done", "refused")
    assert f"127.0.0.1:{dead_port}" in live["message"]


def test_a_proxy_that_is_gone_is_told() -> None:
    assert not tasks.check_one(987654, "on_demand")
    live = live_get(987654)
    assert live is not None
    assert live["state"] == "failed"
    assert "does not exist" in live["message"]


def test_following_tests_come_to_an_end(
    dead_port: int, redis_client: redis.Redis
) -> None:
    proxy = proxy_row(dead_port)
    tasks.check_one(proxy.pk, "retry", 0)
    assert not waiting(redis_client)
    tasks.check_one(proxy.pk, "retry", 1)
    assert len(waiting(redis_client)) == 1


def test_what_many_ask_for_is_done_once(
    redis_client: redis.Redis,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    proxy = proxy_row(1)
    with django_capture_on_commit_callbacks(execute=True):
        for _each in range(5):
            proxy_test_soon(proxy.pk, "assigned")
    assert len(waiting(redis_client)) == 1
    with django_capture_on_commit_callbacks(execute=True):
        proxy_test_soon(proxy.pk, "on_demand")
        proxy_test_soon(proxy.pk, "on_demand")
        proxy_test_soon(proxy.pk, "retry")
    assert len(waiting(redis_client)) == 3
    assert not claim_test(proxy.pk, "retry", 5)


def test_what_is_asked_for_while_a_test_goes_on_is_tested_after_it(
    between: ProxyFake,
    url: str,
    redis_client: redis.Redis,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    proxy = proxy_row(between.port, test_url=url)
    for number in (1, 2):
        with django_capture_on_commit_callbacks(execute=True):
            proxy_test_soon(proxy.pk, "on_demand")
        assert len(waiting(redis_client)) == number
        tasks.check_one(proxy.pk, "on_demand", 0)


def test_without_a_broker_the_page_is_told_and_nobody_waits(
    dead_port: int,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", f"redis://127.0.0.1:{dead_port}/0")
    proxy = proxy_row(1)
    started = time.monotonic()
    with django_capture_on_commit_callbacks(execute=True):
        proxy_test_soon(proxy.pk, "assigned")
    live = live_get(proxy.pk)
    assert live is not None
    assert live["state"] == "failed"
    assert time.monotonic() - started < 10
    # It can be asked for again at once.
    assert claim_test(proxy.pk, "assigned", 5)


def test_what_is_not_ours_is_no_live_result(redis_client: redis.Redis) -> None:
    live_put(7, {"state": "running"})
    redis_client.set("proxies:test:7", "no json")
    assert live_get(7) is None


def test_slow_proxies_leave_threads_to_others(
    redis_client: redis.Redis, dead_port: int
) -> None:
    proxy = proxy_row(dead_port)
    taken = [tasks.slots.acquire(blocking=False) for _each in range(tasks.AT_ONCE)]
    assert all(taken)
    try:
        assert not tasks.check_one(proxy.pk, "on_demand", 3)
    finally:
        tasks.slots.release(tasks.AT_ONCE)
    assert not ProxyTest.objects.exists()
    (later,) = waiting(redis_client)
    assert later["argsrepr"] == f"({proxy.pk}, 'on_demand', 3)"
    assert later["eta"]
    tasks.check_one(proxy.pk, "on_demand", 0)
    assert ProxyTest.objects.count() == 1
    assert all(tasks.slots.acquire(blocking=False) for _each in range(tasks.AT_ONCE))
    tasks.slots.release(tasks.AT_ONCE)


def test_what_a_round_is_testing_the_next_round_leaves_alone(
    between: ProxyFake, url: str
) -> None:
    proxy = proxy_row(between.port, test_url=url)
    assert claim_test(proxy.pk, tasks.ROUND, 60)
    assert tasks.check_all() == {"tested": 0, "failed": 0}
    release_test(proxy.pk, tasks.ROUND)
    assert tasks.check_all() == {"tested": 1, "failed": 0}
    assert tasks.check_all() == {"tested": 1, "failed": 0}

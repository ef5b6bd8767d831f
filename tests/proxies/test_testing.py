"""Tests of proxies: recorded, judged, told, and never lost beside each other."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.utils import timezone

from btc_watcher.lib.errors import ConfigurationError
from proxies.models import Proxy, ProxyTest
from proxies.selectors import metrics_of, proxies_failing
from proxies.services import (
    proxy_delete,
    proxy_follow_up,
    proxy_test,
    proxy_test_many,
    proxy_update,
)
from tests.notifications.fakes import ProxyFake, RawServer
from tests.proxies.fakes import history, proxy_row

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.proxies.fakes import TargetFake


@pytest.fixture(autouse=True)
def _nobody_uses_any(settings: Settings) -> None:
    settings.PROXY_USERS = []


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["http", "socks4", "socks5"])
def test_a_test_is_recorded_with_what_it_found(
    kind: str, between: ProxyFake, url: str
) -> None:
    proxy = proxy_row(between.port, kind, test_url=url)
    before = timezone.now()
    test = proxy_test(proxy.pk, "on_demand")
    stored = ProxyTest.objects.get()
    assert (stored.pk, stored.success, stored.error_message) == (test.pk, True, None)
    assert before <= stored.test_time <= timezone.now()
    assert stored.latency_ms is not None
    assert stored.test_details == {
        "failure": "",
        "status": 200,
        "exit_address": "203.0.113.7",
        "why": "on_demand",
        "target": url.removesuffix("/ip"),
    }
    proxy.refresh_from_db()
    assert proxy.last_test_time == stored.test_time
    metrics = metrics_of(proxy)
    assert (metrics.tests, metrics.success_rate, metrics.streak) == (1, 100.0, 1)
    assert metrics.p50_ms == metrics.p95_ms == stored.latency_ms
    assert metrics.exit_address == "203.0.113.7"
    assert between.kinds == [kind]


@pytest.mark.django_db
def test_a_proxy_flips_after_three_failures_and_back_after_three_successes(
    between: ProxyFake,
    target: TargetFake,
    url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rules = {"timeout_seconds": 2, "hold_down_seconds": 0}
    proxy = proxy_row(between.port, test_url=url, health_check_config=rules)
    statuses = []
    with caplog.at_level(logging.INFO, "proxies"):
        for sign in "+++---+++":
            if sign == "-":
                target.answers.append((451, {}))
            test = proxy_test(proxy.pk, "retry")
            assert test.proxy is not None
            statuses.append(test.proxy.status)
    unknown, healthy, unhealthy = ["unknown"] * 2, ["healthy"], ["unhealthy"]
    assert statuses == [*unknown, *healthy * 3, *unhealthy * 3, *healthy]
    proxy.refresh_from_db()
    changes = proxy.performance_metrics["changes"]
    assert [(each["from"], each["to"], each["why"]) for each in changes] == [
        ("unknown", "healthy", "proven"),
        ("healthy", "unhealthy", "geo_block"),
        ("unhealthy", "healthy", "recovered"),
    ]
    assert proxy.performance_metrics["last_failure"] == "geo_block"
    assert proxy.performance_metrics["since"] == changes[-1]["at"]
    assert metrics_of(proxy).changes[0]["why"] == "recovered"
    # Told once each, by the log.
    assert caplog.text.count("was healthy and is unhealthy: geo_block") == 1


@pytest.mark.django_db
def test_the_hold_down_keeps_a_proxy_from_coming_back_at_once(
    between: ProxyFake, url: str
) -> None:
    proxy = proxy_row(between.port, test_url=url)
    since = timezone.now() - timedelta(seconds=60)
    proxy.status = "unhealthy"
    proxy.performance_metrics = {"since": since.isoformat()}
    proxy.save()
    for _each in range(4):
        proxy_test(proxy.pk, "retry")
    proxy.refresh_from_db()
    assert proxy.status == "unhealthy"
    wait = proxy_follow_up(proxy.pk)
    assert wait is not None
    assert 230 < wait <= 240


@pytest.mark.django_db
def test_a_password_that_cannot_be_read_is_a_failed_test(
    between: ProxyFake, url: str
) -> None:
    first = proxy_row(1, "socks5", username="user", password="word")
    proxy = proxy_row(between.port, "socks5", test_url=url)
    Proxy.objects.filter(pk=proxy.pk).update(
        username="user", password_encrypted=first.password_encrypted
    )
    test = proxy_test(proxy.pk, "scheduled")
    assert test.test_details["failure"] == "authentication"
    assert "Enter it again" in (test.error_message or "")
    assert not between.targets


@pytest.mark.django_db
def test_a_test_of_what_the_proxy_was_before_says_nothing_of_it(
    between: ProxyFake, url: str
) -> None:
    quick = proxy_row(between.port, test_url=url)
    with RawServer("silent") as silent:
        rules = {"timeout_seconds": 1, "failures_to_flip": 1}
        slow = proxy_row(silent.port, name="slow", health_check_config=rules)

        def change(proxy: Proxy, _test: ProxyTest) -> None:
            if proxy == quick:
                proxy_update(slow, port=between.port)

        found = proxy_test_many([quick, slow], "scheduled", told=change)
    assert [test.success for _proxy, test in found] == [True, False]
    slow.refresh_from_db()
    assert slow.status == "unknown"
    assert metrics_of(slow).tests == 0
    # The history keeps it all the same.
    assert ProxyTest.objects.filter(proxy=slow).count() == 1


@pytest.mark.django_db
def test_one_that_was_removed_is_told() -> None:
    with pytest.raises(ConfigurationError, match="987654 does not exist"):
        proxy_test(987654, "on_demand")
    assert proxy_follow_up(987654) is None


@pytest.mark.django_db
def test_many_are_tested_at_the_same_time(between: ProxyFake, url: str) -> None:
    started = timezone.now()
    with RawServer("silent") as silent:
        rules = {"timeout_seconds": 1}
        hanging = [
            proxy_row(silent.port, name=f"hangs {number}", health_check_config=rules)
            for number in range(6)
        ]
        good = proxy_row(between.port, test_url=url)
        found = proxy_test_many([*hanging, good], "scheduled")
    assert (timezone.now() - started).total_seconds() < 5
    assert found[0][0] == good
    assert [test.success for _proxy, test in found] == [True] + [False] * 6
    assert {test.test_details["failure"] for _p, test in found} == {"", "timeout"}


@pytest.mark.django_db
def test_a_proxy_that_is_removed_meanwhile_is_left_out(
    between: ProxyFake, url: str
) -> None:
    stays = proxy_row(between.port, test_url=url)
    gone = proxy_row(between.port, name="gone", test_url=url)
    proxies = list(Proxy.objects.all())
    proxy_delete(gone)
    assert [p for p, _test in proxy_test_many(proxies, "scheduled")] == [stays]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "streak", "minutes", "due"),
    [
        ("unhealthy", -5, 10, True),
        ("unhealthy", -5, 9.6, True),
        ("unhealthy", -5, 9, False),
        ("unhealthy", 2, 10, True),
        ("healthy", -1, 10, True),
        ("healthy", 5, 60, False),
        ("unknown", 0, 60, False),
    ],
)
def test_those_that_are_not_well_are_tried_again_after_their_minutes(
    status: str, streak: int, minutes: float, due: bool
) -> None:
    now = timezone.now()
    proxy_row(1080)
    Proxy.objects.update(
        status=status,
        last_test_time=now - timedelta(minutes=minutes),
        performance_metrics={"streak": streak},
    )
    assert bool(proxies_failing(now=now)) is due
    Proxy.objects.update(enabled=False)
    assert not proxies_failing(now=now)


@pytest.mark.django_db
def test_a_doubt_is_followed_until_it_is_settled(between: ProxyFake, url: str) -> None:
    proxy = proxy_row(between.port, test_url=url)
    waits = []
    for _each in range(3):
        proxy_test(proxy.pk, "assigned")
        waits.append(proxy_follow_up(proxy.pk))
    assert waits == [20, 20, None]
    Proxy.objects.update(enabled=False, status="unknown")
    assert proxy_follow_up(proxy.pk) is None


@pytest.mark.django_db(transaction=True)
def test_two_tests_at_the_same_time_lose_nothing(
    between: ProxyFake, target: TargetFake, url: str
) -> None:
    proxy = proxy_row(between.port, test_url=url)
    target.answers.extend([(500, {})] * 4)
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            for _each in range(2):
                proxy_test(proxy.pk, "on_demand")
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors
    proxy.refresh_from_db()
    assert ProxyTest.objects.count() == 8
    assert proxy.performance_metrics["tests"] == 8
    assert proxy.performance_metrics["success_rate"] == 50.0
    (change,) = proxy.performance_metrics["changes"]
    assert change["to"] in ("unhealthy", "healthy")


@pytest.mark.django_db
def test_fewer_tests_that_count_than_successes_that_are_wanted(
    between: ProxyFake, url: str
) -> None:
    rules = {"timeout_seconds": 2, "window": 2, "successes_to_flip": 3}
    proxy = proxy_row(between.port, test_url=url, health_check_config=rules)
    for _each in range(3):
        proxy_test(proxy.pk, "retry")
    proxy.refresh_from_db()
    assert proxy.status == "healthy"
    metrics = metrics_of(proxy)
    assert (metrics.tests, metrics.streak) == (2, 3)


@pytest.mark.django_db
def test_a_clock_that_was_set_back_is_no_reason_to_believe_nothing(
    between: ProxyFake, url: str
) -> None:
    ahead = timezone.now() + timedelta(days=20)
    proxy = proxy_row(between.port, test_url=url)
    history(proxy, "---", newest=ahead)
    Proxy.objects.update(
        status="unhealthy",
        last_test_time=ahead,
        performance_metrics={
            "since": ahead.isoformat(),
            "counted_from": (ahead - timedelta(hours=1)).isoformat(),
            "streak": -3,
        },
    )
    assert proxies_failing(now=timezone.now()) == [proxy]
    for _each in range(3):
        proxy_test(proxy.pk, "retry")
    proxy.refresh_from_db()
    assert proxy.status == "healthy"
    assert proxy.last_test_time is not None
    assert proxy.last_test_time <= timezone.now()
    assert metrics_of(proxy).streak == 3

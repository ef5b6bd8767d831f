"""Redis behind sentinels: real servers, and a master that is killed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.test.utils import override_settings
from django_redis.cache import RedisCache  # type: ignore[import-untyped]

from btc_watcher.lib import redis_keys
from btc_watcher.lib.redis_client import (
    RedisError,
    redis_client,
    redis_connection,
)
from btc_watcher.local import checks
from monitoring.backups.cache import snapshot_read
from monitoring.doctor import cache as doctor_cache
from monitoring.doctor.redis_service import sentinels_finding
from monitoring.doctor.shapes import State
from notifications.cache import queue_lengths
from signals_app.feed import hub as hub_module
from signals_app.feed import publish, publisher
from signals_app.feed.hub import Hub
from tests.notifications.workers import wait_for
from tests.sentinels import (
    FAILOVER_SECONDS,
    SERVICE,
    broker_of,
    fail_over,
    restore,
    service_running,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sentinels import Service

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """One service for the tests that leave it as it is."""
    with service_running() as running:
        yield running


@pytest.fixture
def at_service(
    service: Service, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    """The service as the Redis of this process."""
    yield from as_redis(service, settings, monkeypatch)


@pytest.fixture
def at_own_service(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service of this test's own, whose master may die."""
    with service_running() as own:
        yield from as_redis(own, settings, monkeypatch)


def as_redis(
    running: Service, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    """Have a service be the Redis of this process."""
    settings.REDIS_URL = running.url
    redis_connection.cache_clear()
    publisher._script.cache_clear()
    monkeypatch.setattr(publisher._missed, "events", False)
    yield running
    redis_connection().close()
    redis_connection.cache_clear()
    publisher._script.cache_clear()


def cache_of(service: Service) -> RedisCache:
    return RedisCache(
        [service.url],
        {
            "KEY_PREFIX": "btcw",
            "OPTIONS": {
                "CONNECTION_FACTORY": "btc_watcher.lib.redis_cache.SentinelConnections",
                "SOCKET_CONNECT_TIMEOUT": 1,
                "SOCKET_TIMEOUT": 1,
            },
        },
    )


def answers(question: Any) -> bool:
    try:
        question()
    except RedisError:
        return False
    return True


def test_every_client_finds_the_new_master_by_itself(at_own_service: Service) -> None:
    cache = cache_of(at_own_service)
    redis_connection().set("plain", "1")
    cache.set("cached", "2")
    with broker_of(at_own_service) as broker:
        broker.SimpleQueue("queue:default").put({"number": 1})
        assert queue_lengths() == dict.fromkeys(redis_keys.PRIORITIES, 0)
        redis_connection().wait(1, 2_000)

        fail_over(at_own_service)

        wait_for(lambda: answers(redis_connection().ping), 5)
        assert redis_connection().get("plain") == b"1"
        assert cache.get("cached") == "2"
        cache.set("cached", "3")
        assert cache.get("cached") == "3"
    with broker_of(at_own_service) as broker:
        message = broker.SimpleQueue("queue:default").get(timeout=5)
        assert message.payload == {"number": 1}
        message.ack()
    restore(at_own_service)
    assert redis_connection().get("plain") == b"1"


def test_reads_come_from_the_master_so_that_nobody_misses_what_he_wrote(
    at_service: Service,
) -> None:
    cache = cache_of(at_service)
    for number in range(200):
        cache.set("session", number)
        assert cache.get("session") == number
    pool: Any = cache.client.get_client().connection_pool
    assert pool.master_address == ("127.0.0.1", at_service.master().port)


async def test_the_feed_goes_on_after_the_master_was_killed(
    at_own_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "BLOCK_MS", 50)
    monkeypatch.setattr(hub_module, "RETRY_SECONDS", 0.1)
    hub = Hub()
    await asyncio.to_thread(redis_connection().delete, redis_keys.SIGNALS_STREAM)
    async with hub.subscribe() as page:
        await asyncio.to_thread(publish, [{"type": "delivered", "number": 1}])
        batch = await asyncio.wait_for(page.get(), 5)
        assert batch is not None
        assert '"number":1' in batch.frames[0].text
        failing = asyncio.create_task(asyncio.to_thread(fail_over, at_own_service))
        heard: list[str] = []
        number = 1
        while not (failing.done() and heard and f'"number":{number}}}' in heard[-1]):
            number += 1
            event = {"type": "delivered", "number": number}
            await asyncio.to_thread(publish, [event])
            with contextlib.suppress(TimeoutError):
                while True:
                    batch = await asyncio.wait_for(page.get(), 0.2)
                    frames = batch.frames if batch else []
                    heard += [each.text for each in frames] or ["reload"]
        await failing
        # What was lost on the way is told as such.
        assert any("reload" in each for each in heard)


def test_a_snapshot_is_taken_of_the_master(at_service: Service) -> None:
    redis_connection().set("kept", "in the snapshot")
    pieces: list[bytes] = []
    size = snapshot_read(pieces.append)
    written = b"".join(pieces)
    assert size == len(written)
    assert written[:5] in (b"REDIS", b"VALKE")
    assert b"in the snapshot" in written


def test_make_up_takes_the_address(service: Service) -> None:
    checks.check_redis(service.url)


def test_a_silent_sentinel_is_followed_by_the_next(service: Service) -> None:
    first = service.watchers[0]
    first.kill()
    started = time.monotonic()
    with redis_client(service.url) as client:
        assert client.ping()
    assert time.monotonic() - started < 2
    first.start()
    wait_for(service.is_settled, FAILOVER_SECONDS)


def test_the_doctor_tells_how_the_sentinels_are(at_service: Service) -> None:
    finding = sentinels_finding(doctor_cache.sentinels_seen())
    assert finding.state is State.OK, finding
    assert f"127.0.0.1:{at_service.master().port}" in finding.words

    at_service.watchers[2].kill()
    finding = sentinels_finding(doctor_cache.sentinels_seen())
    assert finding.state is State.WARNING
    assert f":{at_service.watchers[2].port} (ConnectionError)" in finding.words
    at_service.watchers[2].start()
    wait_for(at_service.is_settled, FAILOVER_SECONDS)

    with override_settings(REDIS_URL=at_service.url.replace(SERVICE, "other")):
        finding = sentinels_finding(doctor_cache.sentinels_seen())
    assert finding.state is State.FAILED
    assert f"unknown service, it knows {SERVICE}" in finding.words

    (replica,) = [n for n in at_service.nodes if n is not at_service.master()]
    replica.kill()
    wait_for(
        lambda: not any(each.replicas for each in doctor_cache.sentinels_seen()),
        FAILOVER_SECONDS,
    )
    finding = sentinels_finding(doctor_cache.sentinels_seen())
    assert "no replica that could take over" in finding.words
    restore(at_service)


def test_a_wrong_password_is_an_error_of_redis_and_tells_nothing(
    service: Service,
) -> None:
    wrong = service.url.replace("word-of-the-sentinels", "wrong-word")
    with redis_client(wrong) as client, pytest.raises(RedisError) as raised:
        client.ping()
    assert "wrong-word" not in str(raised.value)

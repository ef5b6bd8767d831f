"""Deliveries by real worker processes, which are killed for real."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction
from django.utils import timezone

from btc_watcher.lib.redis_keys import PRIORITIES, notifications_queue
from notifications import queues, tasks
from notifications.dispatch import messages_send
from notifications.models import Notification, NotificationChannel
from notifications.policy import LEASE
from notifications.services import notifications_sweep
from tests.notifications.factories import message
from tests.notifications.workers import Worker, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import redis

    from tests.notifications.fakes import SmtpFake

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

EMPTY = dict.fromkeys(PRIORITIES, 0)


def sent() -> int:
    return Notification.objects.filter(status="sent").count()


def claimed() -> bool:
    return Notification.objects.filter(metadata__has_key="claim").exists()


def slow_ones(count: int) -> list[Any]:
    return [message(priority="P2", title=f"slow {number}") for number in range(count)]


def let_the_lease_pass() -> None:
    """Change the rows as if they had been claimed and queued long ago."""
    long_ago = (timezone.now() - LEASE * 2).isoformat()
    for row in Notification.objects.all():
        row.metadata["queued_at"] = long_ago
        if "claim" in row.metadata:
            row.metadata["claimed_at"] = long_ago
        row.save(update_fields=["metadata"])


@pytest.mark.parametrize("lanes", [1, 2])
def test_p0_overtakes_two_hundred_p2(
    lanes: int,
    email_channel: NotificationChannel,
    smtp: SmtpFake,
    redis_client: redis.Redis,
    tmp_path: Path,
) -> None:
    smtp.delay = 0.05
    messages_send(slow_ones(200))
    with ExitStack() as workers:
        workers.enter_context(Worker(tmp_path / "all.log", threads=2))
        if lanes == 2:
            urgent = Worker(tmp_path / "urgent.log", threads=1, priorities=("P0",))
            workers.enter_context(urgent)
        wait_for(lambda: len(smtp.received) >= 5)
        already = len(smtp.received)
        messages_send([message(priority="P0", title="urgent")])
        wait_for(lambda: "[P0] urgent" in smtp.subjects())
        place = smtp.subjects().index("[P0] urgent") - already
        # Alone it waits for one of two threads, of which each is busy for a second
        # at twenty mails a second; in a lane of its own it waits for nobody.
        assert place <= (60 if lanes == 1 else 20)
        wait_for(lambda: sent() == 201, seconds=60)
    assert len(smtp.received) == 201


def test_a_slow_chunk_goes_back_to_its_queue(
    email_channel: NotificationChannel, smtp: SmtpFake, redis_client: redis.Redis
) -> None:
    messages_send(slow_ones(4))
    redis_client.flushdb()
    smtp.delay = 0.6
    ids = list(Notification.objects.values_list("id", flat=True))
    tasks.deliver.apply(args=(ids,))
    assert sent() == 2
    assert redis_client.llen(notifications_queue("P2")) == 1


def test_a_chunk_whose_rest_cannot_be_enqueued_does_not_fail(
    redis_client: redis.Redis, broker_away: Callable[[], None]
) -> None:
    queues.rest_enqueue([1, 2], notifications_queue("P2"))
    assert not redis_client.keys("queue:*")


@pytest.mark.faults
def test_a_worker_killed_before_the_mail_was_taken_loses_nothing(
    email_channel: NotificationChannel,
    smtp: SmtpFake,
    redis_client: redis.Redis,
    tmp_path: Path,
) -> None:
    smtp.hold = True
    messages_send([message(priority="P0", title="held")])
    with Worker(tmp_path / "killed.log", threads=1) as worker:
        wait_for(claimed)
        worker.kill()
    smtp.hold = False
    assert Notification.objects.get().status == "pending"
    assert notifications_sweep(lengths=EMPTY, now=timezone.now()) == []
    let_the_lease_pass()
    with Worker(tmp_path / "next.log", threads=1):
        tasks.sweep.delay()
        wait_for(lambda: sent() == 1)
    row = Notification.objects.get()
    assert row.metadata["unknown_outcome"] is True
    assert [each["outcome"] for each in row.metadata["attempts"]] == ["unknown", "sent"]
    assert row.retry_count == 1
    assert smtp.subjects() == ["[P0] held"]


@pytest.mark.faults
def test_a_worker_killed_between_sending_and_recording_repeats_recognisably(
    email_channel: NotificationChannel,
    smtp: SmtpFake,
    redis_client: redis.Redis,
    tmp_path: Path,
) -> None:
    messages_send([message(priority="P0", title="twice")])
    with transaction.atomic():
        # Recording wants the channel's row, too, and waits for it.
        NotificationChannel.objects.select_for_update().get(id=email_channel.id)
        with Worker(tmp_path / "killed.log", threads=1) as worker:
            wait_for(lambda: len(smtp.received) == 1)
            worker.kill()
    assert Notification.objects.get().status == "pending"
    let_the_lease_pass()
    with Worker(tmp_path / "next.log", threads=1):
        tasks.sweep.delay()
        wait_for(lambda: sent() == 1)
    first, repeat = smtp.received
    assert first["Message-ID"] == repeat["Message-ID"]
    assert Notification.objects.get().metadata["unknown_outcome"] is True


@pytest.mark.faults
def test_a_flushed_redis_loses_nothing(
    email_channel: NotificationChannel,
    smtp: SmtpFake,
    redis_client: redis.Redis,
    tmp_path: Path,
) -> None:
    messages_send(slow_ones(30))
    redis_client.flushdb()
    let_the_lease_pass()
    with Worker(tmp_path / "worker.log", threads=2):
        # The task itself, through the queue that its route names.
        tasks.sweep.delay()
        wait_for(lambda: sent() == 30)
    assert len(smtp.received) == 30

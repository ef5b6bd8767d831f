"""Deliveries by real worker processes, which are killed for real."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from btc_watcher.lib.redis_keys import PRIORITIES, notifications_queue
from notifications import queues, tasks
from notifications.dispatch import messages_send
from notifications.models import Notification, NotificationChannel
from notifications.policy import LEASE
from notifications.queues import tasks_enqueue
from notifications.services import (
    channel_update,
    flush_moments,
    notifications_flush,
    notifications_sweep,
)
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
        for mark in {"queued_at", "enqueued_at", "claimed_at"} & set(row.metadata):
            row.metadata[mark] = long_ago
        row.save(update_fields=["metadata"])


def let_the_others_be_found() -> None:
    """Change the rows that nobody has in hand as if their tasks were long gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE notification_history SET metadata = metadata"
            ' || \'{"queued_at": "2020-01-01T00:00:00+00:00"}\''
            " WHERE status = 'pending' AND NOT metadata ? 'claim'"
        )


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


def kill_while_recording(
    channel: NotificationChannel, smtp: SmtpFake, log: Path
) -> None:
    """Kill a worker when the mail is out and its outcome is not recorded yet."""
    with transaction.atomic():
        NotificationChannel.objects.select_for_update().get(id=channel.id)
        with Worker(log, threads=1) as worker:
            wait_for(lambda: len(smtp.received) == 1)
            worker.kill()
    let_the_lease_pass()


@pytest.mark.faults
def test_where_the_operator_chose_so_an_unknown_outcome_is_not_repeated(
    email_channel: NotificationChannel,
    smtp: SmtpFake,
    redis_client: redis.Redis,
    tmp_path: Path,
) -> None:
    channel_update(email_channel, config=email_channel.config | {"at_most_once": True})
    messages_send([message(priority="P0", title="once")])
    kill_while_recording(email_channel, smtp, tmp_path / "killed.log")
    with Worker(tmp_path / "next.log", threads=1):
        tasks.sweep.delay()
        wait_for(lambda: Notification.objects.filter(status="failed").exists())
    row = Notification.objects.get()
    assert "Unknown outcome" in str(row.error_message)
    assert row.metadata["unknown_outcome"] is True
    assert smtp.subjects() == ["[P0] once"]


@pytest.mark.faults
def test_a_worker_killed_in_the_middle_of_a_digest_leaves_no_member_behind(
    email_channel: NotificationChannel,
    smtp: SmtpFake,
    redis_client: redis.Redis,
    tmp_path: Path,
) -> None:
    channel_update(email_channel, config=email_channel.config | {"speed": {"P1": 60}})
    messages_send([message(title=f"member {number}") for number in range(20)])
    tasks_enqueue(notifications_flush(now=timezone.now() + timedelta(seconds=61)))
    kill_while_recording(email_channel, smtp, tmp_path / "killed.log")
    assert sent() == 0
    with Worker(tmp_path / "next.log", threads=1):
        tasks.sweep.delay()
        wait_for(lambda: sent() == 21)
    first, repeat = smtp.received
    assert first["Message-ID"] == repeat["Message-ID"]
    digest = Notification.objects.get(metadata__has_key="digest_of")
    assert digest.metadata["unknown_outcome"] is True
    assert Notification.objects.filter(metadata__collapsed_into=digest.id).count() == 20


@pytest.mark.faults
def test_a_flushed_redis_with_a_thousand_pending_loses_and_doubles_nothing(
    email_channel: NotificationChannel,
    smtp: SmtpFake,
    redis_client: redis.Redis,
    tmp_path: Path,
) -> None:
    # A limit that is never reached, so that the budget is forgotten, too.
    limits = {"second": None, "minute": None, "hour": None, "day": 5000}
    channel_update(email_channel, rate_limit_config=limits)
    messages_send(slow_ones(1000))
    with Worker(tmp_path / "worker.log", threads=4):
        wait_for(lambda: len(smtp.received) >= 50)
        redis_client.flushdb()
        let_the_others_be_found()
        tasks.sweep.delay()
        wait_for(lambda: sent() == 1000, seconds=90)
    assert len(smtp.received) == 1000
    assert len(set(smtp.subjects())) == 1000


@pytest.mark.faults
def test_a_flushed_redis_keeps_nothing_held(
    email_channel: NotificationChannel,
    smtp: SmtpFake,
    redis_client: redis.Redis,
    tmp_path: Path,
) -> None:
    config = email_channel.config | {"speed": {"P2": 2}, "language": "en"}
    channel_update(email_channel, config=config)
    with Worker(tmp_path / "worker.log", threads=2):
        messages_send(slow_ones(1000))
        redis_client.flushdb()
        wait_for(lambda: not flush_moments(now=timezone.now()))
        tasks.flush.delay()
        wait_for(lambda: sent() == 1001)
    assert smtp.subjects() == ["[P2] 1000 signals"]


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

"""The way in: rows in the caller's transaction, tasks after its commit."""

from __future__ import annotations

import base64
import json
import logging
import socket
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from btc_watcher.lib.copying import copying
from btc_watcher.lib.redis_keys import PRIORITIES, notifications_queue
from btc_watcher.lib.statements import rows_of
from notifications import queues
from notifications.dispatch import messages_send
from notifications.models import Notification, NotificationChannel
from notifications.services import bursts, outbox
from tests.notifications.factories import AT_ONCE, message, thousands

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

pytestmark = pytest.mark.django_db(transaction=True)


def channel(name: str = "mail", **fields: Any) -> NotificationChannel:
    config = AT_ONCE | fields.pop("config", {})
    return NotificationChannel.objects.create(
        name=name, type="email", config=config, **fields
    )


def queued_ids(client: redis.Redis, priority: str) -> list[list[int]]:
    """Return the ids of each task of a queue, the first to be taken first."""
    raw = client.lrange(notifications_queue(priority), 0, -1)
    bodies = [json.loads(base64.b64decode(json.loads(each)["body"])) for each in raw]
    return [args[0] for args, _kwargs, _embedded in bodies][::-1]


def test_a_message_becomes_a_row_and_a_task(redis_client: redis.Redis) -> None:
    mail = channel()
    signal_id = uuid.uuid4()
    sent = messages_send(
        [message(priority="P0", signal_id=signal_id, context={"pair": "BTC/USDT"})]
    )
    row = Notification.objects.get()
    assert [entry.signal_id for entry in sent] == [signal_id]
    assert (row.status, row.channel_id, row.channel_type) == (
        "pending",
        mail.id,
        "email",
    )
    assert (row.signal_id, row.message_type) == (signal_id, "signal")
    assert row.content == "BUY BTC/USDT\n\nPrice: 63210.5"
    assert row.metadata == {
        "priority": "P0",
        "title": "BUY BTC/USDT",
        "queued_at": row.sent_at.isoformat(),
        "context": {"pair": "BTC/USDT"},
    }
    assert queued_ids(redis_client, "P0") == [[row.id]]
    assert queued_ids(redis_client, "P1") == queued_ids(redis_client, "P2") == []


def test_each_channel_gets_what_it_wants(redis_client: redis.Redis) -> None:
    everything = channel("everything")
    urgent = channel("urgent", config={"priorities": ["P0"]})
    alerts = channel("alerts", config={"message_types": ["alert"]})
    channel("off", enabled=False)
    count = messages_send(
        [message(priority="P0"), message(priority="P2"), message(message_type="alert")]
    )
    rows = Notification.objects.values_list("channel_id", "metadata__priority")
    assert len(count) == 5
    assert sorted(rows) == sorted(
        [
            (everything.id, "P0"),
            (everything.id, "P1"),
            (everything.id, "P2"),
            (urgent.id, "P0"),
            (alerts.id, "P1"),
        ]
    )


def test_nothing_is_stored_or_enqueued_when_the_caller_rolls_back(
    redis_client: redis.Redis,
) -> None:
    channel()
    with transaction.atomic():
        assert len(messages_send([message()])) == 1
        transaction.set_rollback(True)
    assert not Notification.objects.exists()
    assert not redis_client.keys("queue:*")


def test_nothing_is_enqueued_before_the_commit(redis_client: redis.Redis) -> None:
    channel()
    with transaction.atomic():
        messages_send([message()])
        assert not redis_client.keys("queue:*")
    assert redis_client.llen(notifications_queue("P1")) == 1


@pytest.mark.parametrize("messages", [[], [message()]])
def test_without_messages_or_channels_nothing_happens(messages: list[Any]) -> None:
    assert len(messages_send(messages)) == 0


def test_tasks_hold_chunks_of_one_channel_and_priority(
    redis_client: redis.Redis,
) -> None:
    first, second = channel("first"), channel("second")
    messages_send([*thousands(60, priority="P2"), *thousands(20, priority="P0")])
    for priority, largest in (("P0", 25), ("P2", 50)):
        tasks = queued_ids(redis_client, priority)
        owners = dict(Notification.objects.values_list("id", "channel_id"))
        assert {owners[each] for task in tasks for each in task} == {
            first.id,
            second.id,
        }
        assert all(len({owners[each] for each in task}) == 1 for task in tasks)
        assert all(len(task) <= largest for task in tasks)


def test_five_thousand_rows_cost_two_queries_one_draw_of_numbers_and_one_copy(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(sql: Any, parameters: Any) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return rows_of(sql, parameters)

    def copied(sql: Any) -> Any:
        asked.append(sql)
        return copying(sql)

    monkeypatch.setattr(outbox, "rows_of", counted)
    monkeypatch.setattr(bursts, "rows_of", counted)
    monkeypatch.setattr(bursts, "copying", copied)
    channel()
    messages = thousands(5000)
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        assert len(messages_send(messages)) == 5000
    # The channels and the silences.
    selected = [each["sql"] for each in queries if each["sql"].startswith("SELECT")]
    assert (len(selected), asked) == (2, [bursts.NUMBERS, bursts.COPY])
    assert Notification.objects.count() == 5000
    assert sum(map(len, queued_ids(redis_client, "P1"))) == 5000


@pytest.mark.parametrize("copied_from", [1, 1_000])
def test_odd_letters_of_one_message_do_not_lose_the_others(
    copied_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "COPY_MESSAGES", copied_from)
    channel()
    odd = message(title="a\0b", body="\ud800", context={"x": "\0", "nan": float("nan")})
    assert len(messages_send([message(), odd, message()])) == 3
    assert Notification.objects.count() == 3


def test_without_a_broker_the_rows_are_stored_all_the_same(
    broker_away: Callable[[], None],
    redis_client: redis.Redis,
    caplog: pytest.LogCaptureFixture,
) -> None:
    channel()
    started = time.monotonic()
    with caplog.at_level(logging.WARNING), transaction.atomic():
        assert len(messages_send(thousands(500))) == 500
    assert time.monotonic() - started < 5
    assert Notification.objects.filter(status="pending").count() == 500
    assert "could not be enqueued" in caplog.text
    assert "redis://" not in caplog.text
    # The broker is left alone for a moment, then used again.
    assert queues.rest.until > time.monotonic()
    broker_away()
    messages_send([message()])
    assert redis_client.llen(notifications_queue("P1")) == 1


def test_a_broker_that_never_answers_holds_nobody_up_for_long(
    broker_away: Callable[[], None], dead_port: int
) -> None:
    channel()
    with socket.create_server(("127.0.0.1", dead_port)):
        started = time.monotonic()
        messages_send([message()])
        first = time.monotonic() - started
        for _ in range(20):
            messages_send([message()])
        assert first < 8
        assert time.monotonic() - started - first < 2
    assert Notification.objects.count() == 21


def test_p0_is_the_first_queue_everywhere() -> None:
    from btc_watcher.celery import app  # noqa: PLC0415 - the settings come first

    names = list(app.amqp.queues)
    assert names[:3] == [notifications_queue(priority) for priority in PRIORITIES]
    assert app.conf.broker_transport_options["queue_order_strategy"] == "priority"
    assert PRIORITIES == tuple(sorted(PRIORITIES)) == tuple(queues_in_code())


def queues_in_code() -> list[str]:
    from notifications import policy  # noqa: PLC0415 - beside what it reads

    urgency = sorted(policy.RETRIES, key=lambda name: policy.RETRIES[name].first)
    assert urgency == sorted(
        policy.SWEEP_PATIENCE, key=policy.SWEEP_PATIENCE.__getitem__
    )
    return urgency

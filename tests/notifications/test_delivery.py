"""Record, try, outcome: once, whatever happens."""

from __future__ import annotations

import logging
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from btc_watcher.lib.partitions import NOTIFICATIONS, month_start, months_ensure
from notifications.models import Notification, NotificationChannel
from notifications.policy import RETRIES
from notifications.services import (
    channel_update,
    notification_claim,
    notification_deliver,
    notifications_deliver,
)
from notifications.transports.email import EmailTransport
from tests.notifications.conftest import TOKEN
from tests.notifications.factories import notification

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from tests.notifications.conftest import Handled
    from tests.notifications.fakes import SmtpFake, TelegramFake

pytestmark = pytest.mark.django_db(transaction=True)


def put_off(row: Notification, **metadata: Any) -> None:
    """Change the metadata of a row, as the passing of time would."""
    stored = Notification.objects.get(id=row.id)
    stored.metadata = {
        key: value for key, value in (stored.metadata | metadata).items() if value
    }
    Notification.objects.filter(id=row.id).update(metadata=stored.metadata)


def test_a_delivery_is_recorded_with_the_providers_answer(
    email_channel: NotificationChannel, smtp: SmtpFake, deliveries: Handled
) -> None:
    signal_id = uuid.uuid4()
    earlier = timezone.now() - timedelta(minutes=5)
    row = notification(email_channel, now=earlier, signal_id=signal_id)
    outcome = notification_deliver(notification_id=row.id)
    assert outcome is not None
    row.refresh_from_db()
    assert (row.status, row.response_code, row.retry_count) == ("sent", 250, 0)
    assert row.sent_at > earlier + timedelta(minutes=4)
    assert row.error_message is None
    assert row.metadata["answer"] == "250 2.0.0 Ok: queued as 1"
    assert row.metadata["message_id"] == smtp.received[0]["Message-ID"]
    assert [each["outcome"] for each in row.metadata["attempts"]] == ["sent"]
    assert not {"claim", "claimed_at", "next_attempt_at"} & set(row.metadata)
    email_channel.refresh_from_db()
    assert email_channel.status == "healthy"
    assert deliveries == [
        {"signal_ids": [signal_id], "channel_name": "mail", "sent_at": row.sent_at}
    ]


def test_what_was_sent_is_never_sent_again(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    row = notification(email_channel)
    assert notifications_deliver(ids=[row.id, row.id, row.id], seconds=60) == []
    assert len(smtp.received) == 1


def test_many_workers_send_each_row_once(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    smtp.delay = 0.05
    ids = [notification(email_channel, title=f"mail {n}").id for n in range(6)]
    together = threading.Barrier(6)

    def work(_worker: int) -> None:
        try:
            together.wait(10)
            notifications_deliver(ids=ids, seconds=60)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert sorted(smtp.subjects()) == sorted(f"[P1] mail {n}" for n in range(6))
    assert Notification.objects.filter(status="sent").count() == 6


def test_the_transport_is_called_outside_any_transaction(
    email_channel: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = notification(email_channel)
    seen: list[bool] = []
    send = EmailTransport.send

    def watched(self: EmailTransport, *args: Any) -> Any:
        seen.append(connection.in_atomic_block)
        return send(self, *args)

    monkeypatch.setattr(EmailTransport, "send", watched)
    notification_deliver(notification_id=row.id)
    assert seen == [False]


def test_a_temporary_error_is_tried_again_later(
    email_channel: NotificationChannel, smtp: SmtpFake, deliveries: Handled
) -> None:
    row = notification(email_channel, priority="P0", signal_id=uuid.uuid4())
    smtp.data_answer = "451 4.3.0 try later"
    before = timezone.now()
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    assert (row.status, row.response_code, row.retry_count) == ("retry", 451, 1)
    assert "try later" in str(row.error_message)
    due = datetime.fromisoformat(row.metadata["next_attempt_at"])
    assert timedelta(seconds=4) <= due - before <= timedelta(seconds=9)
    assert deliveries == []
    # Not due yet: a task that comes too early changes nothing.
    smtp.data_answer = ""
    assert notification_deliver(notification_id=row.id) is None
    put_off(row, next_attempt_at=before.isoformat())
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    assert (row.status, row.retry_count, row.error_message) == ("sent", 1, None)
    assert [each["code"] for each in row.metadata["attempts"]] == [451, 250]
    assert len(deliveries) == 1


def test_a_permanent_error_ends_it_and_marks_the_channel(
    telegram_channel: NotificationChannel, telegram: TelegramFake, deliveries: Handled
) -> None:
    row = notification(telegram_channel, signal_id=uuid.uuid4())
    telegram.answers.append(
        (400, {"ok": False, "error_code": 400, "description": "chat not found"})
    )
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    telegram_channel.refresh_from_db()
    assert (row.status, row.response_code, row.retry_count) == ("failed", 400, 0)
    assert telegram_channel.status == "error"
    assert deliveries == []


def test_the_attempts_come_to_an_end_and_the_newest_are_kept(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    row = notification(email_channel, priority="P0")
    smtp.data_answer = "451 4.3.0 try later"
    for _attempt in range(RETRIES["P0"].attempts + 3):
        notification_deliver(notification_id=row.id)
        put_off(row, next_attempt_at="")
    row.refresh_from_db()
    assert (row.status, row.retry_count) == ("failed", RETRIES["P0"].attempts - 1)
    assert len(row.metadata["attempts"]) == 20
    assert row.metadata["attempts"][-1]["outcome"] == "failed"
    email_channel.refresh_from_db()
    assert email_channel.status == "unknown"


def test_telegrams_retry_after_is_kept(
    telegram_channel: NotificationChannel, telegram: TelegramFake
) -> None:
    row = notification(telegram_channel, priority="P0")
    telegram.answers.append((429, {"ok": False, "parameters": {"retry_after": 300}}))
    before = timezone.now()
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    due = datetime.fromisoformat(row.metadata["next_attempt_at"])
    assert due - before >= timedelta(seconds=300)


def test_recipients_who_asked_for_patience_alone_get_it_again(
    email_config: dict[str, Any], email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    recipients = ["a@example.org", "b@example.org", "c@example.org"]
    channel_update(email_channel, config=email_config | {"to": recipients})
    smtp.refuse["b@example.org"] = "550 5.1.1 no such user"
    smtp.greylist.add("c@example.org")
    row = notification(email_channel)
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    assert (row.status, row.metadata["left"]) == ("retry", ["c@example.org"])
    put_off(row, next_attempt_at="")
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    assert [each[1] for each in smtp.envelopes] == [
        ("a@example.org",),
        ("c@example.org",),
    ]
    assert row.status == "sent"
    assert row.error_message is not None
    assert "b@example.org: 550" in row.error_message
    assert "left" not in row.metadata


def test_what_reached_somebody_is_not_called_failed(
    email_config: dict[str, Any], email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    channel_update(
        email_channel, config=email_config | {"to": ["a@example.org", "c@example.org"]}
    )
    smtp.greylist.add("c@example.org")
    row = notification(email_channel)
    notification_deliver(notification_id=row.id)
    smtp.refuse["c@example.org"] = "550 5.1.1 no such user"
    put_off(row, next_attempt_at="")
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    assert row.status == "sent"
    assert row.error_message is not None
    assert "c@example.org: 550 5.1.1 no such user" in row.error_message


def test_a_channel_that_is_gone_is_told() -> None:
    row = Notification.objects.create(
        channel_type="email", message_type="system", content="x", status="pending"
    )
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    assert row.status == "failed"
    assert row.error_message == "The channel of this notification is gone."


def test_a_channel_that_was_switched_off_sends_nothing(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    row = notification(email_channel)
    channel_update(email_channel, enabled=False)
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    email_channel.refresh_from_db()
    assert row.status == "failed"
    assert row.error_message == "Channel 'mail' was switched off before this was sent."
    assert email_channel.status == "unknown"
    assert not smtp.received


@pytest.mark.parametrize(
    ("kind", "config", "names"),
    [
        ("email", {"security": "none"}, "'host'"),
        ("sms", {}, "'provider'"),
        ("telegram", {"token": "v1:gone:AAAA", "chat_id": 1}, "'gone'"),
        ("telegram", {"token": TOKEN, "chat_id": 1}, "without encryption"),
    ],
)
def test_a_channel_that_cannot_work_says_why(
    kind: str, config: dict[str, Any], names: str
) -> None:
    channel = NotificationChannel.objects.create(name="odd", type=kind, config=config)
    row = notification(channel, priority="P0")
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    channel.refresh_from_db()
    assert (row.status, channel.status) == ("failed", "error")
    assert row.error_message is not None
    assert names in row.error_message
    assert TOKEN not in row.error_message


def test_a_mistake_in_a_transport_ends_in_a_stored_outcome_without_its_words(
    email_channel: NotificationChannel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    words = "the secret is hunter2"

    def broken(*_args: Any) -> None:
        raise KeyError(words)

    monkeypatch.setattr(EmailTransport, "deliver", broken)
    row = notification(email_channel)
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    assert row.status == "retry"
    assert row.error_message is not None
    assert "KeyError" in row.error_message
    assert "hunter2" not in row.error_message + caplog.text


@pytest.fixture
def last_month() -> Iterator[date]:
    """The first day of last month, which has a partition for the test."""
    month = month_start(timezone.now(), -1)
    months_ensure(NOTIFICATIONS, {month, month_start(month, 1)})
    yield month
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {NOTIFICATIONS.partition(month)}")


def partition_of(row: Notification) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text FROM notification_history WHERE id = %s",
            [row.id],
        )
        return str(cursor.fetchone()[0])


def test_the_month_of_delivery_gets_the_row(
    email_channel: NotificationChannel, smtp: SmtpFake, last_month: date
) -> None:
    earlier = datetime(last_month.year, last_month.month, 15, tzinfo=UTC)
    row = notification(email_channel, now=earlier)
    assert partition_of(row) == NOTIFICATIONS.partition(last_month)
    notification_deliver(notification_id=row.id)
    assert partition_of(row) == NOTIFICATIONS.partition(month_start(last_month, 1))
    assert notification_deliver(notification_id=row.id) is None
    assert len(smtp.received) == 1


def test_a_chunk_gives_way_after_its_time(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    ids = [notification(email_channel).id for _ in range(4)]
    assert notifications_deliver(ids=ids, seconds=0) == ids[1:]
    assert len(smtp.received) == 1
    assert notifications_deliver(ids=ids[1:], seconds=60) == []


def test_no_secret_is_in_a_row_a_log_or_a_repr(
    telegram_channel: NotificationChannel,
    telegram: TelegramFake,
    caplog: pytest.LogCaptureFixture,
) -> None:
    echo = f"the token {TOKEN} is not welcome\0"
    row = notification(telegram_channel)
    telegram.answers.append((500, {"ok": False, "description": echo}))
    with caplog.at_level(logging.DEBUG):
        notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    telegram_channel.refresh_from_db()
    assert telegram.paths == [f"/bot{TOKEN}/sendMessage"]
    claim = notification_claim(
        notification_id=row.id, now=timezone.now() + timedelta(hours=1)
    )
    texts = [
        str(row.error_message),
        str(row.metadata),
        caplog.text.replace(telegram.paths[0], ""),
        repr(telegram_channel),
        str(telegram_channel.config),
        repr(claim),
    ]
    for text in texts:
        assert TOKEN not in text
        assert TOKEN.partition(":")[2] not in text
    assert "the token *** is not welcome" in str(row.error_message)

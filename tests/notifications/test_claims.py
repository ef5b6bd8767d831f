"""Claims and outcomes when workers, the database or handlers fail."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from notifications.policy import LEASE, RETRIES
from notifications.services import (
    claims,
    delivery,
    notification_claim,
    notification_deliver,
    notification_outcome_record,
    outcomes,
)
from tests.notifications.factories import notification

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from notifications.models import NotificationChannel
    from tests.notifications.conftest import Handled
    from tests.notifications.fakes import SmtpFake

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_claim_keeps_everybody_else_away_until_its_lease_is_over(
    email_channel: NotificationChannel,
) -> None:
    now = timezone.now()
    row = notification(email_channel)
    assert notification_claim(notification_id=row.id, now=now) is not None
    almost = now + LEASE - timedelta(seconds=1)
    assert notification_claim(notification_id=row.id, now=almost) is None
    after = now + LEASE + timedelta(seconds=1)
    again = notification_claim(notification_id=row.id, now=after)
    assert again is not None
    assert again.attempt == 2
    assert again.metadata["unknown_outcome"] is True


def test_a_lost_claim_is_in_the_attempts(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    row = notification(email_channel)
    lost = timezone.now() - LEASE - timedelta(seconds=1)
    assert notification_claim(notification_id=row.id, now=lost) is not None
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    assert (row.status, row.retry_count) == ("sent", 1)
    assert row.metadata["unknown_outcome"] is True
    unknown, sent = row.metadata["attempts"]
    assert (unknown["outcome"], unknown["at"]) == ("unknown", lost.isoformat())
    assert sent["outcome"] == "sent"
    assert "lost_at" not in row.metadata


def test_who_lost_the_claim_records_nothing(
    email_channel: NotificationChannel, caplog: pytest.LogCaptureFixture
) -> None:
    row = notification(email_channel)
    old = notification_claim(
        notification_id=row.id, now=timezone.now() - LEASE - timedelta(seconds=1)
    )
    new = notification_claim(notification_id=row.id, now=timezone.now())
    assert old is not None
    assert new is not None
    outcome = outcomes.Outcome(status="failed", code=None, detail="late", error="late")
    now = timezone.now()
    assert not notification_outcome_record(claim=old, outcome=outcome, now=now)
    assert "taken over" in caplog.text
    row.refresh_from_db()
    assert row.status == "pending"
    assert row.metadata["claim"] == new.token


def test_a_message_that_ends_its_workers_is_given_up(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    row = notification(email_channel, priority="P2")
    moment = timezone.now() - timedelta(days=2)
    for _ in range(RETRIES["P2"].attempts):
        assert notification_claim(notification_id=row.id, now=moment)
        moment += LEASE + timedelta(seconds=1)
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    assert row.status == "failed"
    assert row.error_message is not None
    assert row.error_message.startswith("12 workers ended")
    assert not smtp.received


def test_a_row_that_moves_while_it_is_claimed_is_not_claimed(
    email_channel: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = OperationalError("moved")
    error.__cause__ = Exception("moved to another partition")
    vars(error.__cause__)["sqlstate"] = "40001"

    def moved(*_args: Any) -> None:
        raise error

    row = notification(email_channel)
    monkeypatch.setattr(claims, "rows_of", moved)
    assert notification_claim(notification_id=row.id, now=timezone.now()) is None
    vars(error.__cause__)["sqlstate"] = "57014"
    with pytest.raises(OperationalError):
        notification_claim(notification_id=row.id, now=timezone.now())
    assert claims.MOVED == "40001"


def test_an_outcome_waits_for_a_database_that_restarts(
    email_channel: NotificationChannel,
    smtp: SmtpFake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = notification(email_channel)
    record = notification_outcome_record
    tries: list[int] = []

    def away_at_first(**values: Any) -> bool:
        tries.append(1)
        if len(tries) < 3:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return record(**values)

    monkeypatch.setattr(delivery, "RECORD_PAUSE", 0.01)
    monkeypatch.setattr(delivery, "notification_outcome_record", away_at_first)
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    assert row.status == "sent"
    assert len(tries) == 3
    assert len(smtp.received) == 1


def test_an_outcome_is_given_up_when_the_lease_is_over(
    email_channel: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_values: Any) -> bool:
        raise OperationalError("away")

    row = notification(email_channel)
    monkeypatch.setattr(delivery, "RECORD_PAUSE", 0.01)
    monkeypatch.setattr(delivery, "LEASE", timedelta(seconds=0.1))
    monkeypatch.setattr(delivery, "notification_outcome_record", away)
    with pytest.raises(OperationalError):
        notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    assert "claim" in row.metadata


@pytest.mark.parametrize(
    "path", ["tests.notifications.conftest.fail_delivery", "tests.nowhere.nothing"]
)
def test_a_handler_that_fails_does_not_undo_the_delivery(
    path: str,
    email_channel: NotificationChannel,
    deliveries: Handled,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.NOTIFICATION_OUTCOME_HANDLERS = [
        path,
        "tests.notifications.conftest.note_delivery",
    ]
    row = notification(email_channel, signal_id=uuid.uuid4())
    notification_deliver(notification_id=row.id)
    row.refresh_from_db()
    assert row.status == "sent"
    assert path in caplog.text
    assert len(deliveries) == 1


def test_handlers_hear_of_signals_only(
    email_channel: NotificationChannel, deliveries: Handled
) -> None:
    row = notification(email_channel, message_type="system")
    notification_deliver(notification_id=row.id)
    assert deliveries == []

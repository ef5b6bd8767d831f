"""What is held: whose fate members share, who goes first, and what never waits for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from btc_watcher.lib import statements
from btc_watcher.lib.redis_keys import notifications_queue
from notifications import cache, tasks
from notifications.models import Notification, NotificationChannel
from notifications.receivers import Hold
from notifications.services import (
    channel_update,
    flushing,
    notification_deliver,
    notification_resend,
    silence_create,
)
from tests.notifications.factories import message, notification
from tests.notifications.held import (
    NOW,
    WINDOW,
    channel,
    flush,
    flush_and_deliver,
    held,
    later,
    record,
    row,
    signals,
)

if TYPE_CHECKING:
    import redis

    from tests.notifications.fakes import SmtpFake

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mail(email_channel: NotificationChannel) -> NotificationChannel:
    """A channel to the fake mail server that gathers by the defaults."""
    config = email_channel.config | {"speed": {}, "language": "en"}
    return channel_update(email_channel, config=config)


def hold(number: int, why: str, seconds: float = 0) -> None:
    """Hold a row until ``seconds`` after NOW."""
    stored = row(number)
    data = stored.metadata | Hold(later(NOW, seconds), why).metadata()
    Notification.objects.filter(id=number).update(metadata=data)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """Collect what each statement of the flush returns."""
    answers: list[list[Any]] = []
    real = statements.rows_of

    def note(sql: Any, parameters: Any) -> list[Any]:
        answers.append(real(sql, parameters))
        return answers[-1]

    monkeypatch.setattr(flushing, "rows_of", note)
    return answers


def silence_all(**matcher: Any) -> None:
    """Silence everything that fits, from NOW for ten hours and more."""
    silence_create(
        matcher=matcher,
        reason="known",
        by="admin",
        starts_at=later(NOW, -60),
        ends_at=later(timezone.now(), 36000),
    )


def again(number: int) -> None:
    """Let a row's next attempt be due now."""
    data = row(number).metadata
    data.pop("next_attempt_at", None)
    data.pop("granted_at", None)
    Notification.objects.filter(id=number).update(metadata=data)


def test_members_share_the_fate_of_a_held_digest_that_a_silence_suppresses(
    mail: NotificationChannel,
) -> None:
    members = record(signals(3), mail)
    (digest,) = flush(WINDOW)
    # Its retry found no budget, and meanwhile somebody wants quiet.
    hold(digest.id, "budget")
    silence_all()
    assert flush(later(WINDOW, 1)) == []
    for each in (digest, *members):
        stored = row(each.id)
        assert (stored.status, stored.metadata["suppressed"]["because"]) == (
            "failed",
            "silence",
        )


def test_members_of_a_digest_that_is_muted_before_its_retry_say_so_too(
    mail: NotificationChannel, smtp: SmtpFake
) -> None:
    members = record(signals(3), mail)
    smtp.data_answer = "451 4.3.0 try later"
    (digest,) = flush_and_deliver(WINDOW)
    again(digest.id)
    silence_all()
    notification_deliver(notification_id=digest.id)
    for number in (digest.id, *(each.id for each in members)):
        stored = row(number)
        assert stored.status == "failed"
        assert stored.metadata["suppressed"]["because"] == "silence"


def test_what_a_person_sends_again_is_not_muted_while_it_waits_for_the_budget(
    mail: NotificationChannel,
) -> None:
    first = notification(mail)
    resent = notification_resend(first.id, "admin")
    hold(resent.id, "budget")
    silence_all()
    quiet = {"from": "00:00", "to": "23:59", "zone": "UTC", "passes": "none"}
    Notification.objects.filter(id=first.id).update(status="sent")
    NotificationChannel.objects.filter(id=mail.id).update(
        config=mail.config | {"quiet_hours": quiet}
    )
    assert [each.id for each in flush(WINDOW)] == [resent.id]


def test_what_may_have_arrived_is_not_told_again_in_a_digest(
    mail: NotificationChannel,
) -> None:
    waiting = record(signals(3), mail)
    data = row(waiting[0].id).metadata | {"unknown_outcome": True}
    Notification.objects.filter(id=waiting[0].id).update(metadata=data)
    told = {each.id: row(each.id).metadata for each in flush(WINDOW)}
    assert waiting[0].id in told
    (digest,) = (each for each in told.values() if "digest_of" in each)
    assert digest["digest_of"] == [each.id for each in waiting[1:]]


def test_many_suppressed_rows_cost_few_statements(
    mail: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(signals(60), mail)
    silence_all()
    answers = counted(monkeypatch)
    assert flush(WINDOW) == []
    assert set(Notification.objects.values_list("status", flat=True)) == {"failed"}
    assert len(answers) < 6


def test_a_held_p0_does_not_queue_behind_thousands(
    mail: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flushing, "DIGEST_MEMBERS", 10)
    others = record(signals(30, priority="P2"), mail)
    (urgent,) = record([message(priority="P0")], mail)
    for each in others:
        hold(each.id, "budget", -60)
    hold(urgent.id, "budget")
    told = flush(WINDOW)
    assert urgent.id in [each.id for each in told]


def test_what_is_not_due_is_not_read(
    mail: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(signals(1), mail)
    for each in record(signals(30, priority="P2"), mail):
        hold(each.id, "quiet_hours", 36000)
    answers = counted(monkeypatch)
    assert len(flush(WINDOW)) == 1
    assert max(len(rows) for rows in answers) == 1


def test_a_title_that_cannot_be_made_does_not_keep_the_others(
    mail: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(signals(2), mail)

    def broken(*_args: Any) -> str:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(flushing, "title_default", broken)
    (digest,) = flush(WINDOW)
    assert "P1/USDT" in row(digest.id).content


def test_one_refusal_of_the_budget_is_enough_for_all_that_wait_as_themselves(
    mail: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in record(signals(20), mail):
        data = row(each.id).metadata | {"lost_at": NOW.isoformat()}
        Notification.objects.filter(id=each.id).update(metadata=data)
    asked = []

    def refuse(*args: Any, **_options: Any) -> Hold:
        asked.append(args)
        return Hold(later(WINDOW, 60), "budget")

    monkeypatch.setattr(flushing, "budget_take", refuse)
    assert flush(WINDOW) == []
    assert len(asked) == 1
    whys = {
        each.metadata["held"]["why"] for each in Notification.objects.order_by("id")
    }
    assert whys == {"budget"}


def test_a_p0_that_finds_no_budget_is_told_at_the_moment_there_is_some(
    mail: NotificationChannel, smtp: SmtpFake, redis_client: redis.Redis
) -> None:
    channel_update(mail, rate_limit_config={"second": 1})
    first, second = record(signals(2, priority="P0"), mail, now=timezone.now())
    cache.budget_load(mail.id, [])
    notification_deliver(notification_id=first.id)
    notification_deliver(notification_id=second.id)
    assert (held(second.id) or ("",))[0] == "budget"
    # The flush, beside nothing else: it has an eta within two seconds.
    assert redis_client.llen(notifications_queue("P0")) == 1
    assert len(smtp.received) == 1


def test_a_row_without_a_channel_is_enqueued_beside_the_others(
    mail: NotificationChannel, redis_client: redis.Redis
) -> None:
    other = channel("other")
    record(signals(1), mail, other)
    Notification.objects.filter(channel=other).update(channel=None)
    Notification.objects.update(sent_at=timezone.now())
    tasks.flush()
    assert redis_client.llen(notifications_queue("P1")) == 2

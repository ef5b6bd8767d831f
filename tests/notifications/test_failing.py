"""What fails for good: another channel takes over, the broken one is switched off."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from btc_watcher.lib.errors import ConfigurationError, TransportError
from btc_watcher.lib.redis_keys import notifications_queue
from notifications import dispatch
from notifications.models import Alert, NotificationChannel
from notifications.policy import LEASE
from notifications.services import (
    channel_create,
    channel_test,
    channel_update,
    message_of,
    notification_claim,
    notification_deliver,
    notifications_flush,
    silence_create,
)
from notifications.transports.base import Outgoing, Receipt
from notifications.transports.email import EmailTransport
from tests.notifications.factories import NO_LIMITS, notification
from tests.notifications.held import NOW, later, record, row, rows_of, signals

if TYPE_CHECKING:
    import redis
    from pytest_django.fixtures import Settings

    from tests.notifications.conftest import Handled
    from tests.notifications.fakes import SmtpFake

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = "554 5.7.1 refused for good"


@pytest.fixture
def spare(email_config: dict[str, Any]) -> NotificationChannel:
    """A second mail channel, which wants nothing by itself."""
    return channel_create(
        name="spare",
        type="email",
        config=email_config | {"priorities": [], "to": ["b@example.org"]},
        rate_limit_config=NO_LIMITS,
    )


@pytest.fixture
def mail(
    email_channel: NotificationChannel, spare: NotificationChannel
) -> NotificationChannel:
    """A mail channel whose fallback is the spare one."""
    config = email_channel.config | {"fallback": spare.id, "language": "en"}
    return channel_update(email_channel, config=config)


def failing(monkeypatch: pytest.MonkeyPatch, **facts: Any) -> None:
    """Make the mail transport refuse what goes to a@example.org."""
    deliver = EmailTransport.deliver

    def refuse(
        self: EmailTransport, config: Any, secrets: Any, message: Outgoing, *rest: Any
    ) -> Receipt:
        if config["to"] == ["a@example.org"]:
            raise TransportError("The mailbox is gone.", **facts)
        return deliver(self, config, secrets, message, *rest)

    monkeypatch.setattr(EmailTransport, "deliver", refuse)


def test_the_fallback_takes_over_whatever_it_wants_itself(
    mail: NotificationChannel,
    spare: NotificationChannel,
    smtp: SmtpFake,
    redis_client: redis.Redis,
    deliveries: Handled,
) -> None:
    signal_id = uuid.uuid4()
    first = notification(mail, priority="P0", signal_id=signal_id)
    smtp.data_answer = REFUSED
    notification_deliver(notification_id=first.id)
    (second,) = rows_of(spare)
    assert (row(first.id).status, second.status) == ("failed", "pending")
    assert row(first.id).metadata["fallback_to"] == second.id
    assert second.metadata["fallback_of"] == first.id
    assert (second.signal_id, second.content) == (signal_id, first.content)
    assert redis_client.llen(notifications_queue("P0")) == 1
    smtp.data_answer = ""
    notification_deliver(notification_id=second.id)
    assert row(second.id).status == "sent"
    assert [each["channel_name"] for each in deliveries] == ["spare"]


def test_fallbacks_never_go_in_circles(
    mail: NotificationChannel, spare: NotificationChannel, smtp: SmtpFake
) -> None:
    third = channel_create(
        name="third",
        type="email",
        config=mail.config | {"fallback": mail.id},
        rate_limit_config=NO_LIMITS,
    )
    channel_update(spare, config=spare.config | {"fallback": third.id})
    smtp.data_answer = REFUSED
    first = notification(mail, priority="P0")
    notification_deliver(notification_id=first.id)
    for each in (spare, third):
        (tried,) = rows_of(each)
        notification_deliver(notification_id=tried.id)
    assert [len(rows_of(each)) for each in (mail, spare, third)] == [1, 1, 1]
    assert rows_of(third)[0].metadata["fallback_tried"] == [mail.id, spare.id]
    assert {each.status for c in (mail, spare, third) for each in rows_of(c)} == {
        "failed"
    }


def test_a_fallback_that_was_told_anyway_is_not_told_twice(
    mail: NotificationChannel, spare: NotificationChannel, smtp: SmtpFake
) -> None:
    channel_update(spare, config=spare.config | {"priorities": ["P0"]})
    spare.refresh_from_db()
    record(signals(1, priority="P0"), mail, spare)
    (first,), (own,) = rows_of(mail), rows_of(spare)
    smtp.data_answer = REFUSED
    notification_deliver(notification_id=first.id)
    assert len(rows_of(spare)) == 1
    assert row(first.id).metadata["fallback_to"] == own.id


@pytest.mark.parametrize("change", ["temporary", "suppressed", "test"])
def test_only_what_failed_for_good_falls_back(
    change: str, mail: NotificationChannel, spare: NotificationChannel, smtp: SmtpFake
) -> None:
    if change == "suppressed":
        silence_create(
            matcher={}, reason="x", by="x", starts_at=NOW, ends_at=later(NOW, 60)
        )
        assert record(signals(1, priority="P0"), mail) == []
    elif change == "temporary":
        smtp.data_answer = "451 4.3.0 try later"
        notification_deliver(notification_id=notification(mail).id)
    else:
        smtp.data_answer = REFUSED
        assert not channel_test(mail).ok
    assert rows_of(spare) == []


def test_a_switched_off_channel_falls_back_too(
    mail: NotificationChannel, spare: NotificationChannel
) -> None:
    waiting = notification(mail, priority="P0")
    channel_update(mail, enabled=False)
    notification_deliver(notification_id=waiting.id)
    assert len(rows_of(spare)) == 1


def test_the_fallback_keeps_its_own_pace(
    mail: NotificationChannel, spare: NotificationChannel, smtp: SmtpFake
) -> None:
    channel_update(spare, config=spare.config | {"speed": {"P1": 60}})
    smtp.data_answer = REFUSED
    for number in range(3):
        waiting = notification(mail, priority="P1", title=f"mail {number}")
        notification_deliver(notification_id=waiting.id)
    assert all("held" in each.metadata for each in rows_of(spare))
    (digest,) = notifications_flush(now=later(timezone.now(), 61))
    assert row(digest.id).metadata["count"] == 3


def test_a_digest_falls_back_as_a_digest(
    mail: NotificationChannel,
    spare: NotificationChannel,
    smtp: SmtpFake,
    deliveries: Handled,
) -> None:
    channel_update(mail, config=mail.config | {"speed": {}})
    mail.refresh_from_db()
    ids = [uuid.uuid4() for _ in range(3)]
    messages = [each for n in range(3) for each in signals(1, signal_id=ids[n])]
    members = record(messages, mail)
    (digest,) = notifications_flush(now=later(NOW, 60))
    smtp.data_answer = REFUSED
    notification_deliver(notification_id=digest.id)
    (second,) = rows_of(spare)
    smtp.data_answer = ""
    notification_deliver(notification_id=second.id)
    assert {row(each.id).status for each in members} == {"failed"}
    (told,) = deliveries
    assert sorted(told["signal_ids"]) == sorted(ids)
    assert told["channel_name"] == "spare"


def test_a_channel_that_can_never_send_is_switched_off_and_the_others_say_so(
    mail: NotificationChannel,
    email_config: dict[str, Any],
    smtp: SmtpFake,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    settings.LANGUAGE_CODE = "en"
    other = channel_create(
        name="other",
        type="email",
        config=email_config | {"to": ["c@example.org"], "language": "en"},
    )
    failing(monkeypatch, permanent=True, disables=True, code=403)
    for number in range(3):
        waiting = notification(mail, priority="P0", title=f"mail {number}")
        notification_deliver(notification_id=waiting.id)
    mail.refresh_from_db()
    assert (mail.enabled, mail.status) == (False, "error")
    assert mail.config["disabled"]["reason"] == "The mailbox is gone."
    alert = Alert.objects.get()
    assert (alert.key, alert.resolved_at) == (f"channel:{mail.id}", None)
    (told,) = rows_of(other)
    assert told.metadata["title"] == "Channel mail cannot send and was switched off"
    assert "The mailbox is gone." in told.content
    assert "switched off" in str(rows_of(mail)[2].error_message)
    assert "The mailbox is gone." in str(rows_of(mail)[2].error_message)
    # Switched on again it is no alert any more.
    mended = channel_update(mail, enabled=True)
    assert "disabled" not in mended.config
    assert not Alert.objects.filter(resolved_at=None).exists()
    assert rows_of(other)[1].metadata["title"].startswith("Resolved: Channel mail")


def test_the_only_channel_tells_of_itself_when_it_is_back(
    email_channel: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, permanent=True, disables=True)
    notification_deliver(notification_id=notification(email_channel).id)
    alert = Alert.objects.get()
    assert (alert.told_count, alert.resolved_at) == (0, None)


def test_a_permanent_failure_that_does_not_disable_leaves_the_channel_on(
    mail: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, permanent=True)
    notification_deliver(notification_id=notification(mail).id)
    mail.refresh_from_db()
    assert (mail.enabled, mail.status) == (True, "error")
    assert not Alert.objects.exists()


def test_what_a_provider_changed_is_stored(
    mail: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved(*_args: Any) -> Receipt:
        return Receipt(
            code=200, detail="ok", body='{"ok":true}', config_update={"host": "new"}
        )

    monkeypatch.setattr(EmailTransport, "deliver", moved)
    waiting = notification(mail)
    notification_deliver(notification_id=waiting.id)
    mail.refresh_from_db()
    assert mail.config["host"] == "new"
    (attempt,) = row(waiting.id).metadata["attempts"]
    assert attempt["provider"] == {"code": 200, "body": '{"ok":true}'}


# -- At most once --------------------------------------------------------------


def test_a_lost_worker_is_tried_again_unless_the_operator_chose_otherwise(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    lost = timezone.now() - LEASE - timedelta(seconds=1)
    again = notification(email_channel, title="again")
    notification_claim(notification_id=again.id, now=lost)
    notification_deliver(notification_id=again.id)
    once = channel_update(
        email_channel, config=email_channel.config | {"at_most_once": True}
    )
    never = notification(once, title="never")
    notification_claim(notification_id=never.id, now=lost)
    notification_deliver(notification_id=never.id)
    assert smtp.subjects() == ["[P1] again"]
    stored = row(never.id)
    assert stored.status == "failed"
    assert str(stored.error_message).startswith("Unknown outcome:")
    assert stored.metadata["unknown_outcome"] is True
    assert [each["outcome"] for each in stored.metadata["attempts"]] == [
        "unknown",
        "failed",
    ]


def test_what_may_have_arrived_is_not_sent_by_the_fallback(
    mail: NotificationChannel, spare: NotificationChannel
) -> None:
    once = channel_update(mail, config=mail.config | {"at_most_once": True})
    waiting = notification(once)
    lost = timezone.now() - LEASE - timedelta(seconds=1)
    notification_claim(notification_id=waiting.id, now=lost)
    notification_deliver(notification_id=waiting.id)
    assert row(waiting.id).status == "failed"
    assert rows_of(spare) == []


def test_rather_twice_than_never_is_the_rule_for_fallbacks_too(
    mail: NotificationChannel,
    spare: NotificationChannel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing(monkeypatch, permanent=True, unknown=True)
    notification_deliver(notification_id=notification(mail).id)
    assert len(rows_of(spare)) == 1


@pytest.mark.parametrize(("once", "status"), [(False, "retry"), (True, "failed")])
def test_an_answer_that_never_came_is_an_unknown_outcome(
    once: bool,
    status: str,
    email_channel: NotificationChannel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = email_channel.config | {"at_most_once": once}
    mail = channel_update(email_channel, config=config)
    failing(monkeypatch, unknown=True)
    waiting = notification(mail)
    notification_deliver(notification_id=waiting.id)
    stored = row(waiting.id)
    assert (stored.status, stored.metadata["unknown_outcome"]) == (status, True)
    assert ("Unknown outcome" in str(stored.error_message)) is once


def test_a_provider_that_knows_repetitions_is_asked_again(
    email_channel: NotificationChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EmailTransport, "idempotent", True)
    config = email_channel.config | {"at_most_once": True}
    mail = channel_update(email_channel, config=config)
    failing(monkeypatch, unknown=True)
    waiting = notification(mail)
    notification_deliver(notification_id=waiting.id)
    assert row(waiting.id).status == "retry"


# -- Again by hand -------------------------------------------------------------


def test_a_person_sends_it_again(
    email_channel: NotificationChannel, smtp: SmtpFake, redis_client: redis.Redis
) -> None:
    signal_id = uuid.uuid4()
    old = notification(email_channel, signal_id=signal_id, context={"pair": "BTC/USDT"})
    smtp.data_answer = REFUSED
    notification_deliver(notification_id=old.id)
    smtp.data_answer = ""
    queued = dispatch.notification_resend(old.id, "ada")
    assert redis_client.llen(notifications_queue("P1")) == 1
    notification_deliver(notification_id=queued.id)
    new = row(queued.id)
    assert (new.status, new.signal_id, new.content) == ("sent", signal_id, old.content)
    assert (new.metadata["resend_of"], new.metadata["resend_by"]) == (old.id, "ada")
    assert new.metadata["context"] == {"pair": "BTC/USDT"}
    assert row(old.id).status == "failed"
    assert message_of(new) == message_of(row(old.id))


def test_quiet_hours_do_not_keep_what_a_person_sends(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    hour = timezone.now()
    around = {
        "from": f"{later(hour, -3600):%H:%M}",
        "to": f"{later(hour, 3600):%H:%M}",
        "zone": "UTC",
    }
    mail = channel_update(
        email_channel, config=email_channel.config | {"quiet_hours": around}
    )
    queued = dispatch.notification_resend(notification(mail).id, "ada")
    notification_deliver(notification_id=queued.id)
    assert row(queued.id).status == "sent"


def test_what_cannot_be_sent_again_says_why(email_channel: NotificationChannel) -> None:
    old = notification(email_channel)
    with pytest.raises(ConfigurationError, match="no notification 999999"):
        dispatch.notification_resend(999999, "ada")
    channel_update(email_channel, enabled=False)
    with pytest.raises(ConfigurationError, match="switched off"):
        dispatch.notification_resend(old.id, "ada")

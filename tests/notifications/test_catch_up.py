"""What quiet hours keep is told in the morning, as one digest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from notifications.models import Notification, NotificationChannel
from notifications.services import channel_update, notification_deliver
from tests.notifications.factories import message
from tests.notifications.held import (
    MORNING,
    NIGHT,
    NOW,
    QUIET,
    flush,
    flush_and_deliver,
    held,
    later,
    record,
    row,
    signals,
)

if TYPE_CHECKING:
    from tests.notifications.fakes import SmtpFake

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mail(email_channel: NotificationChannel) -> NotificationChannel:
    """A channel to the fake mail server that gathers by the defaults."""
    config = email_channel.config | {"speed": {}, "language": "en"}
    return channel_update(email_channel, config=config)


def test_what_the_night_brought_is_one_catch_up_digest(
    mail: NotificationChannel, smtp: SmtpFake
) -> None:
    channel_update(mail, config=mail.config | {"quiet_hours": QUIET})
    mail.refresh_from_db()
    urgent, *others = record(
        [
            message(priority="P0", title="urgent"),
            *signals(3),
            *signals(2, priority="P2"),
        ],
        mail,
        now=NIGHT,
    )
    assert held(urgent.id) is None
    assert {held(each.id) for each in others} == {("quiet_hours", MORNING)}
    assert flush(later(MORNING, -1)) == []
    (digest,) = flush_and_deliver(MORNING)
    assert digest.metadata["title"] == "After quiet hours: 5 signals: buy 4, sell 1"
    assert digest.metadata["context"]["digest"] == "catch_up"
    assert "2026-11-22 23:00" in digest.content
    assert {row(each.id).status for each in others} == {"sent"}


def test_a_window_that_ends_in_quiet_hours_waits_for_the_morning(
    mail: NotificationChannel,
) -> None:
    channel_update(mail, config=mail.config | {"quiet_hours": QUIET})
    mail.refresh_from_db()
    dusk = NIGHT.replace(hour=13, minute=59, second=50)
    (waiting,) = record(signals(1), mail, now=dusk)
    assert held(waiting.id) == ("grouping", NIGHT.replace(hour=14, second=20))
    assert flush(NIGHT.replace(hour=14, second=20)) == []
    assert held(waiting.id) == ("quiet_hours", MORNING)


def test_without_quiet_hours_the_night_is_told_at_once(
    mail: NotificationChannel,
) -> None:
    quiet = channel_update(mail, config=mail.config | {"quiet_hours": QUIET})
    record(signals(2), quiet, now=NIGHT)
    channel_update(
        quiet, config={k: v for k, v in quiet.config.items() if k != "quiet_hours"}
    )
    assert len(flush(timezone.now() + timedelta(seconds=1))) == 1


def test_a_retry_in_quiet_hours_waits(
    mail: NotificationChannel, smtp: SmtpFake
) -> None:
    (urgent,) = record(signals(1, priority="P0"), mail)
    smtp.data_answer = "451 4.3.0 try later"
    notification_deliver(notification_id=urgent.id)
    hour = timezone.now().astimezone(tz=None).astimezone(NOW.tzinfo)
    around = {
        "from": f"{later(hour, -3600):%H:%M}",
        "to": f"{later(hour, 3600):%H:%M}",
        "zone": "UTC",
        "passes": "none",
    }
    channel_update(mail, config=mail.config | {"quiet_hours": around})
    failed = row(urgent.id)
    Notification.objects.filter(id=urgent.id).update(
        metadata={k: v for k, v in failed.metadata.items() if k != "next_attempt_at"}
    )
    assert notification_deliver(notification_id=urgent.id) is None
    why, _until = held(urgent.id) or ("", None)
    assert why == "quiet_hours"
    after = row(urgent.id)
    assert (after.status, after.retry_count) == ("retry", 1)
    assert not {"claim", "claimed_at"} & set(after.metadata)

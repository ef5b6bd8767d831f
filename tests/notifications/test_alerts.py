"""What is wrong: told once, repeated while it lasts, told when it is over."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from btc_watcher.lib.redis_keys import notifications_queue
from notifications import dispatch, services, tasks
from notifications.models import Alert, Notification, NotificationChannel
from notifications.saying import Words
from notifications.selectors import alert_keys_open, alerts_newest
from notifications.services import alerts_repeat, silence_create
from notifications.services.resend import message_of
from tests.notifications.factories import AT_ONCE
from tests.notifications.held import NOW, channel, later, rows_of

if TYPE_CHECKING:
    import redis

    from notifications.messages import Message
    from notifications.services import AlertResult

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = 3600


@pytest.fixture
def mail() -> NotificationChannel:
    """A channel that is told at once, in English."""
    return channel(config=AT_ONCE | {"language": "en"})


def wrong(key: str = "disk:root", now: Any = NOW, **changes: Any) -> AlertResult:
    """Raise an alert."""
    title = changes.pop("title", "The disk is full")
    body = changes.pop("body", "98 percent of / are used.")
    plain: dict[str, Any] = {"priority": "P1", "context": {}}
    return services.alert_raise(
        key=key, now=now, words=lambda: Words(title, body), **(plain | changes)
    )


def over(key: str = "disk:root", now: Any = NOW, **words: str) -> AlertResult:
    """Resolve an alert."""
    return services.alert_resolve(
        key=key, now=now, words=(lambda: Words(**words)) if words else None
    )


def english(row: Notification) -> Message:
    """Return the message of a row as an English reader gets it."""
    return message_of(row).said_in("en")


def titles(mail: NotificationChannel) -> list[str]:
    """Return the titles that a channel is sent, suppressed ones in brackets."""
    return [
        f"({english(each).title})"
        if "suppressed" in each.metadata
        else english(each).title
        for each in rows_of(mail)
    ]


def test_a_cause_is_told_once_while_it_lasts(mail: NotificationChannel) -> None:
    assert wrong().changed
    for minute in range(1, 5):
        again = wrong(now=later(NOW, 60 * minute), body=f"{minute} percent more")
        assert (again.changed, again.queued) == (False, [])
    assert titles(mail) == ["The disk is full"]
    alert = Alert.objects.get()
    assert (alert.since, alert.told_count, alert.body) == (NOW, 1, "4 percent more")
    (row,) = rows_of(mail)
    assert row.message_type == "alert"
    assert "Since 2026-11-22 12:00 UTC." in english(row).body
    assert "Next reminder at 2026-11-22 16:00 UTC" in english(row).body
    assert row.metadata["context"]["alert"] == "disk:root"


def test_what_becomes_more_urgent_is_told_again(mail: NotificationChannel) -> None:
    wrong()
    assert len(wrong(priority="P0").queued) == 1
    assert wrong(priority="P2").queued == []
    assert [each.metadata["priority"] for each in rows_of(mail)] == ["P1", "P0"]


def test_other_keys_are_other_alerts(mail: NotificationChannel) -> None:
    wrong("disk:root")
    wrong("disk:var")
    assert alert_keys_open() == {"disk:root", "disk:var"}
    assert len(rows_of(mail)) == 2


def test_it_is_over_once(mail: NotificationChannel) -> None:
    wrong()
    assert over(now=later(NOW, HOUR)).changed
    assert not over(now=later(NOW, HOUR)).changed
    assert titles(mail) == ["The disk is full", "Resolved: The disk is full"]
    assert "It lasted from 2026-11-22 12:00 UTC to 2026-11-22 13:00 UTC." in (
        english(rows_of(mail)[1]).body
    )
    # The next one is a new one.
    assert wrong(now=later(NOW, 2 * HOUR)).changed
    assert Alert.objects.count() == 2


def test_who_resolves_may_say_it_in_other_words(mail: NotificationChannel) -> None:
    wrong()
    over(title="There is room again", body="40 percent are used.")
    assert titles(mail)[1] == "There is room again"
    assert "40 percent" in rows_of(mail)[1].content


def test_only_who_was_told_hears_that_it_is_over(mail: NotificationChannel) -> None:
    urgent = channel("urgent", config=AT_ONCE | {"priorities": ["P0"]})
    wrong()
    later_made = channel("new", config=AT_ONCE)
    over()
    assert [len(rows_of(each)) for each in (mail, urgent, later_made)] == [2, 0, 0]


def test_reminders_come_after_each_channels_own_time() -> None:
    usual = channel("usual", config=AT_ONCE | {"language": "en"})
    often = channel("often", config=AT_ONCE | {"language": "en", "repeat_minutes": 60})
    never = channel("never", config=AT_ONCE | {"language": "en", "repeat_minutes": 0})
    wrong()
    for minute in range(0, 9 * 60, 1):
        alerts_repeat(now=later(NOW, minute * 60))
    counts = [len(rows_of(each)) for each in (usual, often, never)]
    assert counts == [1 + 2, 1 + 8, 1]
    assert titles(usual) == [
        "The disk is full",
        "Still: The disk is full",
        "Still: The disk is full",
    ]
    assert "There will be no reminder." in english(rows_of(never)[0]).body
    over(now=later(NOW, 9 * HOUR))
    assert alerts_repeat(now=later(NOW, 24 * HOUR)) == []


def test_a_new_channel_hears_of_what_is_wrong(mail: NotificationChannel) -> None:
    wrong()
    new = channel("new", config=AT_ONCE | {"language": "en"})
    alerts_repeat(now=later(NOW, 60))
    alerts_repeat(now=later(NOW, 120))
    assert titles(new) == ["The disk is full"]
    assert len(rows_of(mail)) == 1


def test_without_a_channel_an_alert_waits_for_one() -> None:
    assert wrong().changed
    assert alerts_repeat(now=NOW) == []
    mail = channel(config=AT_ONCE)
    assert len(alerts_repeat(now=later(NOW, 60))) == 1
    assert len(rows_of(mail)) == 1


def test_a_cause_mutes_its_consequences_until_it_is_over(
    mail: NotificationChannel,
) -> None:
    wrong("exchange:binance", title="binance does not answer", priority="P0")
    bots = {"exchange": "binance"}
    for number in range(3):
        wrong(f"strategy:{number}", title=f"bot {number} is silent", context=bots)
    wrong("strategy:9", title="bot 9 is silent", context={"exchange": "kraken"})
    for minute in range(1, 30):
        alerts_repeat(now=later(NOW, 60 * minute))
    assert titles(mail) == [
        "binance does not answer",
        "(bot 0 is silent)",
        "(bot 1 is silent)",
        "(bot 2 is silent)",
        "bot 9 is silent",
    ]
    assert rows_of(mail)[1].metadata["suppressed"] == {
        "because": "inhibited",
        "by": "exchange:binance",
    }
    # Nobody who was not told of it hears that it is over.
    over("strategy:0", now=later(NOW, 1800))
    over("exchange:binance", now=later(NOW, 1800))
    alerts_repeat(now=later(NOW, 1860))
    alerts_repeat(now=later(NOW, 1920))
    assert titles(mail)[5:] == [
        "Resolved: binance does not answer",
        "bot 1 is silent",
        "bot 2 is silent",
    ]


def test_a_silence_puts_off_reminders_without_a_row_for_each(
    mail: NotificationChannel,
) -> None:
    silence_create(
        matcher={"keys": ["disk:*"]},
        reason="known",
        by="admin",
        starts_at=NOW,
        ends_at=later(NOW, HOUR),
    )
    wrong()
    for minute in range(60):
        alerts_repeat(now=later(NOW, 60 * minute))
    assert titles(mail) == ["(The disk is full)"]
    alerts_repeat(now=later(NOW, HOUR))
    assert titles(mail) == ["(The disk is full)", "The disk is full"]


def test_words_are_in_each_channels_language() -> None:
    english = channel("en", config=AT_ONCE | {"language": "en"})
    chinese = channel("zh", config=AT_ONCE | {"language": "zh-hans"})
    wrong()
    over()
    assert titles(english)[1] == "Resolved: The disk is full"
    assert len(rows_of(chinese)) == 2


def test_many_at_once_open_one_alert(mail: NotificationChannel) -> None:
    together = threading.Barrier(6)

    def work(_number: int) -> bool:
        try:
            together.wait(10)
            return wrong().changed
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(work, range(6))) == 1
    assert Alert.objects.count() == 1
    assert len(rows_of(mail)) == 1


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"priority": "P9"}, "'P9'"),
        ({"title": " "}, "empty title"),
        ({"key": ""}, "''"),
        ({"key": "k" * 201}, "kkk"),
    ],
)
def test_a_wrong_alert_is_refused(changes: dict[str, Any], names: str) -> None:
    with pytest.raises(ValueError, match=names):
        wrong(**changes)
    assert not Alert.objects.exists()


def test_odd_letters_are_no_obstacle(mail: NotificationChannel) -> None:
    wrong(title="a\0b", body="\ud800", context={"note": "x"})
    assert titles(mail) == ["ab"]


def test_open_ones_come_first_in_lists(mail: NotificationChannel) -> None:
    wrong("a")
    wrong("b", now=later(NOW, 60))
    wrong("c", now=later(NOW, 120))
    over("c", now=later(NOW, 180))
    found = alerts_newest(since=later(NOW, -HOUR))
    assert [each.key for each in found] == ["b", "a", "c"]
    assert [each.key for each in alerts_newest(since=later(NOW, HOUR))] == ["b", "a"]


def test_the_way_in_enqueues_after_the_commit(
    mail: NotificationChannel, redis_client: redis.Redis
) -> None:
    with transaction.atomic():
        assert dispatch.alert_raise(
            key="k", priority="P0", words=lambda: Words("wrong")
        )
        assert not redis_client.keys("queue:*")
    assert redis_client.llen(notifications_queue("P0")) == 1
    assert not dispatch.alert_raise(
        key="k", priority="P0", words=lambda: Words("wrong")
    )
    assert dispatch.alert_resolve(key="k")
    assert not dispatch.alert_resolve(key="k")
    assert redis_client.llen(notifications_queue("P0")) == 2


def test_nothing_is_told_when_the_caller_rolls_back(mail: NotificationChannel) -> None:
    with transaction.atomic():
        dispatch.alert_raise(key="k", priority="P0", words=lambda: Words("wrong"))
        transaction.set_rollback(True)
    assert not Alert.objects.exists()
    assert not Notification.objects.exists()


def test_the_task_reminds(mail: NotificationChannel, redis_client: redis.Redis) -> None:
    wrong(now=timezone.now() - timedelta(hours=5))
    assert tasks.repeat_alerts() == 1
    assert tasks.repeat_alerts() == 0
    assert redis_client.llen(notifications_queue("P1")) == 1

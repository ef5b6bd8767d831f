"""Where messages go: rules, silences and inhibition decide, and every row says so."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from django.utils.translation import override

from accounts.models import User
from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_keys import notifications_queue
from notifications import tasks
from notifications.dispatch import messages_send
from notifications.inhibition import inhibited_by
from notifications.models import (
    Notification,
    NotificationChannel,
    NotificationFanOut,
    NotificationSilence,
)
from notifications.receivers import Hold
from notifications.routing import Suppressed
from notifications.selectors import silences_active, silences_current
from notifications.services import (
    channel_create,
    channels_explain,
    fan_out_apply,
    fan_outs_overdue,
    matcher_check,
    notification_deliver,
    silence_create,
    silence_end,
)
from notifications.words import held_words, state_words, suppressed_words
from tests.notifications.factories import AT_ONCE, message, thousands
from tests.notifications.held import (
    NIGHT,
    NOW,
    QUIET,
    channel,
    later,
    record,
    row,
    rows_of,
    signals,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

    from tests.notifications.fakes import SmtpFake

pytestmark = pytest.mark.django_db(transaction=True)


def silence(matcher: dict[str, Any], **changes: Any) -> NotificationSilence:
    """Return a silence of an hour from NOW."""
    plain: dict[str, Any] = {
        "matcher": matcher,
        "reason": "maintenance",
        "by": "admin",
        "starts_at": NOW,
        "ends_at": later(NOW, 3600),
    }
    return silence_create(**(plain | changes))


def test_each_channel_gets_the_signals_of_its_rules() -> None:
    everything = channel("all")
    btc = channel("btc", config={"rules": {"pairs": ["P1/*"], "types": ["BUY"]}})
    sells = channel("sells", config={"rules": {"types": ["SELL"]}})
    alert = message(message_type="alert", title="disk")
    record([*signals(3), alert], everything, btc, sells)
    titles = {
        each.name: [row.metadata["title"].split()[-4:][0] for row in rows_of(each)]
        for each in (everything, btc, sells)
    }
    assert len(titles["all"]) == 4
    assert [r.metadata["context"].get("pair") for r in rows_of(btc)] == [
        "P1/USDT",
        None,
    ]
    assert [r.metadata["context"].get("pair") for r in rows_of(sells)] == [
        "P2/USDT",
        None,
    ]


@pytest.mark.parametrize(
    ("matcher", "muted"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"message_types": ["signal"]}, [0, 1, 2]),
        ({"priorities": ["P0"]}, [3]),
        ({"pairs": ["P0/USDT", "P1/*"]}, [0, 1]),
        ({"types": ["SELL"]}, [2]),
        ({"strategies": [1]}, [0, 1, 2]),
        ({"strategies": [2]}, []),
        ({"keys": ["disk:*"]}, [3]),
        ({"keys": ["disk:root", "proxy:3"]}, [3, 4]),
        ({"levels": ["weak"]}, []),
    ],
)
def test_a_silence_mutes_what_fits_its_matcher(
    matcher: dict[str, Any], muted: list[int]
) -> None:
    mail = channel()
    made = silence(matcher)
    alerts = [
        message(
            message_type="alert",
            priority="P0",
            title="disk",
            context={"alert": "disk:root"},
        ),
        message(message_type="alert", title="proxy", context={"alert": "proxy:3"}),
    ]
    queued = record([*signals(3), *alerts], mail)
    rows = rows_of(mail)
    assert [
        place for place, each in enumerate(rows) if each.status == "failed"
    ] == muted
    assert len(queued) == 5 - len(muted)
    for place in muted:
        assert rows[place].metadata["suppressed"] == {
            "because": "silence",
            "by": str(made.id),
            "reason": made.reason,
        }


def test_a_silence_may_be_for_one_channel() -> None:
    quiet, other = channel("quiet"), channel("other")
    silence({"channels": [quiet.id]})
    record(signals(1), quiet, other)
    assert [rows_of(each)[0].status for each in (quiet, other)] == ["failed", "pending"]


def test_a_silence_is_on_between_its_times() -> None:
    made = silence({})
    for moment, on in ((-1, False), (0, True), (3599, True), (3600, False)):
        found = [each.id for each in silences_active(later(NOW, moment))]
        assert found == ([made.id] if on else [])
    silence_end(made, now=later(NOW, 60))
    assert silences_active(later(NOW, 60)) == []
    assert silences_current(NOW) == [made]
    planned = silence({}, starts_at=later(NOW, 500), ends_at=later(NOW, 900))
    silence_end(planned, now=later(NOW, 100))
    assert not NotificationSilence.objects.filter(id=planned.id).exists()


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"matcher": {"colour": ["red"]}}, "'colour'"),
        ({"matcher": {"types": ["LONG"]}}, "'LONG'"),
        ({"matcher": {"priorities": ["P9"]}}, "'P9'"),
        ({"matcher": {"channels": ["1"]}}, "'channels'"),
        ({"reason": " "}, "reason"),
        ({"ends_at": NOW}, "before it begins"),
    ],
)
def test_a_wrong_silence_is_refused(changes: dict[str, Any], names: str) -> None:
    with pytest.raises(ConfigurationError, match=names):
        silence(**({"matcher": {}} | changes))
    assert not NotificationSilence.objects.exists()
    matcher_check({"channels": [1], "keys": ["a"], "levels": ["weak"]})


@pytest.mark.parametrize(
    ("context", "open_keys", "by"),
    [
        ({"exchange": "binance"}, {"exchange:binance"}, "exchange:binance"),
        ({"exchange": "kraken"}, {"exchange:binance"}, ""),
        ({"proxy_id": 3}, {"proxy:3"}, "proxy:3"),
        ({"proxy": 3}, {"proxy:3"}, "proxy:3"),
        ({"proxy": 33}, {"proxy:3"}, ""),
        (
            {"alert": "exchange:binance", "exchange": "binance"},
            {"exchange:binance"},
            "",
        ),
        ({"strategy_id": 3}, {"proxy:3", "disk"}, ""),
        ({"exchange": None}, {"exchange:None"}, ""),
        ({"exchange": ""}, {"exchange:"}, ""),
    ],
)
def test_an_open_alert_mutes_what_follows_from_it(
    context: dict[str, Any], open_keys: set[str], by: str
) -> None:
    alert = message(message_type="alert", context=context)
    assert inhibited_by(alert, open_keys) == by
    # A signal is news, whatever is wrong.
    assert inhibited_by(message(context=context), open_keys) == ""


def test_a_user_gives_a_channel_its_quiet_hours() -> None:
    user = User.objects.create_user(
        "ada",
        timezone="Asia/Shanghai",
        preferences={"quiet_hours": {"from": "22:00", "to": "07:00"}},
    )
    mail = channel(config={"user": user.pk})
    (queued,) = record(signals(1), mail, now=NIGHT)
    assert row(queued.id).metadata["held"]["why"] == "quiet_hours"


def test_the_preview_says_who_gets_it_when_and_why_not() -> None:
    channel("now", config=AT_ONCE)
    channel("later")
    channel("night", config={"quiet_hours": QUIET})
    channel("off", enabled=False)
    channel("others", config={"rules": {"types": ["SELL"]}})
    muted = channel("muted")
    channel("text", type="sms")
    made = silence({"channels": [muted.id]}, starts_at=NIGHT, ends_at=later(NIGHT, 60))
    (told,) = signals(1)
    found = {each.channel.name: each for each in channels_explain(told, now=NIGHT)}
    codes = {name: each.verdict.code for name, each in found.items()}
    assert codes == {
        "now": "all",
        "later": "all",
        "night": "all",
        "off": "disabled",
        "others": "types",
        "muted": "all",
        "text": "priority",
    }
    assert found["now"].then is found["off"].then is found["others"].then is None
    assert isinstance(found["later"].then, Hold)
    assert isinstance(found["night"].then, Hold)
    assert found["night"].then.why == "quiet_hours"
    assert found["muted"].then == Suppressed("silence", str(made.id), made.reason)


def test_every_state_has_words() -> None:
    metadata = {
        "held": {"why": "budget"},
        "suppressed": {"because": "inhibited", "by": "proxy:3"},
        "collapsed_into": 5,
        "fallback_of": 6,
        "fallback_to": 7,
        "resend_of": 8,
        "digest_of": [1, 2],
    }
    with override("en"):
        words = state_words(metadata)
        assert held_words("digest") == "Gathered for the next digest."
        assert "silence 4" in suppressed_words({"because": "silence", "by": "4"})
    for part in ("as much as", "proxy:3", "digest 5", "6", "7", "8", "2"):
        assert any(part in each for each in words), part
    assert state_words({}) == []


# -- Bursts --------------------------------------------------------------------


def test_of_a_burst_one_channels_rows_are_written_and_the_others_promised(
    redis_client: redis.Redis,
) -> None:
    names = ("first", "second", "third")
    channels = [channel(name, config=AT_ONCE) for name in names]
    urgent, others = thousands(100, priority="P0"), thousands(200, priority="P2")
    assert len(messages_send([*urgent, *others])) == 300
    assert Notification.objects.count() == 300
    # Fifteen chunks and the fan-out.
    assert redis_client.llen(notifications_queue("P0")) == 16
    (promise,) = NotificationFanOut.objects.all()
    assert tasks.fan_out(promise.pk) == 600
    assert [each.notifications.count() for each in channels] == [300] * 3
    assert not NotificationFanOut.objects.exists()
    first, second, third = (rows_of(each)[0] for each in channels)
    kept = ("signal_id", "message_type", "content", "status")
    for copy in (second, third):
        assert [getattr(copy, k) for k in kept] == [getattr(first, k) for k in kept]
        assert copy.metadata == {
            key: first.metadata[key]
            for key in ("priority", "title", "queued_at", "context")
        }
    # Nothing is written twice, whoever comes again.
    assert fan_out_apply(fan_out_id=promise.pk, now=timezone.now()) == []
    assert Notification.objects.count() == 900


def test_a_small_number_is_written_at_once() -> None:
    for name in ("first", "second"):
        channel(name)
    messages_send(thousands(200))
    assert Notification.objects.count() == 400
    assert not NotificationFanOut.objects.exists()


def test_the_rows_that_are_promised_are_held_or_suppressed_as_they_should_be() -> None:
    channel("first", config=AT_ONCE)
    calm = channel("calm", config={"speed": {"P1": 60}})
    picky = channel("picky", config={"rules": {"pairs": ["P7/USDT"]}})
    muted = channel("muted")
    silence(
        {"channels": [muted.id]},
        starts_at=later(timezone.now(), -60),
        ends_at=later(timezone.now(), 60),
    )
    messages_send(signals(300))
    (promise,) = NotificationFanOut.objects.values_list("id", flat=True)
    queued = fan_out_apply(fan_out_id=promise, now=timezone.now())
    assert len(queued) == 301
    assert all("held" in each.metadata for each in rows_of(calm))
    assert [each.metadata["context"]["pair"] for each in rows_of(picky)] == ["P7/USDT"]
    assert {each.status for each in rows_of(muted)} == {"failed"}


def test_what_the_first_channel_did_meanwhile_is_not_copied(
    email_channel: NotificationChannel, smtp: SmtpFake
) -> None:
    other = channel("other", priority=9, config=AT_ONCE)
    messages_send(thousands(300, priority="P0"))
    (delivered, *_others) = rows_of(email_channel)
    notification_deliver(notification_id=delivered.id)
    (promise,) = NotificationFanOut.objects.values_list("id", flat=True)
    fan_out_apply(fan_out_id=promise, now=timezone.now())
    copy = rows_of(other)[0]
    assert (copy.status, copy.content) == ("pending", delivered.content)
    assert "attempts" not in copy.metadata
    assert len(rows_of(other)) == 300


def test_a_burst_whose_task_vanished_is_written_by_the_sweeper(
    redis_client: redis.Redis, broker_away: Callable[[], None]
) -> None:
    for name in ("first", "second"):
        channel(name, config=AT_ONCE)
    messages_send(thousands(300, priority="P0"))
    broker_away()
    assert fan_outs_overdue(now=timezone.now()) == []
    NotificationFanOut.objects.update(created_at=later(timezone.now(), -10))
    tasks.sweep()
    assert Notification.objects.count() == 600
    assert redis_client.llen(notifications_queue("P0")) > 0


def test_a_wrong_configuration_of_a_channel_is_refused_by_name() -> None:
    config = {"host": "h", "from": "a@b.cc", "to": ["d@e.ff"]}
    cases: dict[str, Any] = {
        "'speed'": {"speed": 5},
        "'rules'": {"rules": []},
        "'colours'": {"rules": {"colours": []}},
        "'LONG'": {"rules": {"types": ["LONG"]}},
        "'strategies'": {"rules": {"strategies": ["7"]}},
        "'x'": {"quiet_hours": {"from": "x", "to": "07:00"}},
        "'fallback'": {"fallback": 99},
        "'user'": {"user": True},
        "'language'": {"language": "tlh"},
        "'at_most_once'": {"at_most_once": 1},
        "'repeat_minutes'": {"repeat_minutes": -1},
    }
    for names, wrong in cases.items():
        with pytest.raises(ConfigurationError, match=names):
            channel_create(name="odd", type="email", config=config | wrong)
    with pytest.raises(ConfigurationError, match="minute"):
        channel_create(
            name="odd", type="email", config=config, rate_limit_config={"minute": 0}
        )
    assert not NotificationChannel.objects.exists()


def test_handlers_see_which_signals_wait_and_not_those_that_are_suppressed() -> None:
    channel()
    silence(
        {"pairs": ["P0/USDT"]},
        starts_at=later(timezone.now(), -60),
        ends_at=later(timezone.now(), 60),
    )
    muted, told = (uuid.uuid4() for _ in range(2))
    first, second = signals(2)
    queued = messages_send(
        [
            message(signal_id=muted, context=first.context),
            message(signal_id=told, context=second.context),
        ]
    )
    assert [each.signal_id for each in queued] == [told]

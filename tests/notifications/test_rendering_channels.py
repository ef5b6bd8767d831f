"""One signal on every type of channel, in both languages, as the providers got it."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.core.management import call_command
from django.utils import translation

from accounts.models import User
from btc_watcher.lib.errors import ConfigurationError
from notifications.models import Notification
from notifications.rendering import render
from notifications.services import (
    channel_config_shown,
    channel_create,
    channel_test,
    channel_update,
    fan_out_apply,
    messages_record,
    notification_deliver,
    notification_resend,
    notifications_record,
)
from notifications.services.targets import receiver
from tests.notifications.factories import AT_ONCE, NO_LIMITS, NOW, message
from tests.notifications.fakes import SmtpFake, TelegramFake
from tests.notifications.providers import CASES, PHONE, Case
from tests.notifications.told import CHINESE, ENGLISH, LINK, TEXTS, signal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notifications.models import NotificationChannel

pytestmark = pytest.mark.django_db
LANGUAGES = pytest.mark.parametrize("language", ["en", "zh-hans"])
OWN = {
    "signal": {
        "en": {"title": "{{ pair }}", "body": "{{ direction }} at {{ price }}"},
        "zh-hans": {"title": "{{ pair }}", "body": "{{ price }} {{ direction }}"},
    }
}


@pytest.fixture
def shanghai() -> User:
    """Somebody in Shanghai, who reads Chinese unless a channel says otherwise."""
    return User.objects.create_user(
        "chen", timezone="Asia/Shanghai", language=User.Language.values[0]
    )


def create(
    kind: str, values: Mapping[str, Any], user: User, **config: Any
) -> NotificationChannel:
    return channel_create(
        name=f"{kind} {len(config)}",
        type=kind,
        config={**values, **AT_ONCE, "user": user.pk, **config},
        rate_limit_config=NO_LIMITS,
    )


def changed(channel: NotificationChannel, **config: Any) -> NotificationChannel:
    """Change some of a channel's configuration."""
    return channel_update(channel, config=channel_config_shown(channel) | config)


def tell(channel: NotificationChannel, **changes: Any) -> Notification:
    """Record and deliver the signal; return its row."""
    (queued,) = notifications_record(
        messages=[signal(**changes)], channels=[channel], now=NOW, at_once=True
    )
    notification_deliver(notification_id=queued.id)
    return Notification.objects.get(id=queued.id)


# -- Shown by ---------------------------------------------------------------


@LANGUAGES
@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_signal_reaches_every_provider_in_its_reader_s_language(
    case: Case, language: str, shanghai: User
) -> None:
    title, body = TEXTS[language].split("\n\n")
    with case.fake() as fake:
        values = case.values(fake)
        if case.name == "sms aliyun":
            values["variables"] = {"pair": "{direction} {pair}", "price": "{price}"}
        row = tell(create(case.kind, values, shanghai, language=language))
        (told,) = case.shown(fake)
    told = told.replace("\u200b", "")
    assert row.status == "sent"
    assert row.content == f"{title}\n\n{body}"
    if case.name == "sms aliyun":
        direction = {"en": "buy", "zh-hans": "买入"}[language]
        assert told == str(
            (PHONE, {"pair": f"{direction} BTC/USDT", "price": "63210.5"})
        )
    elif case.name == "sms twilio":
        assert told.startswith(f"[P0] {title}: {body.splitlines()[0]}")
        assert "watcher.example.org" not in told
    else:
        assert title in told
        assert body in told


@LANGUAGES
def test_the_same_by_email(
    smtp: SmtpFake, email_config: dict[str, Any], language: str, shanghai: User
) -> None:
    title, body = TEXTS[language].split("\n\n")
    row = tell(create("email", email_config, shanghai, language=language))
    assert row.status == "sent"
    (mail,) = smtp.received
    assert mail["subject"].strip() == f"[P0] {title}"
    text, html = (part.get_content() for part in mail.iter_parts())
    text = text.replace("\r\n", "\n")
    assert text.startswith(f"{title}\n\n{body}\n\n-- \n")
    *lines, link = body.splitlines()
    assert "<br>".join(lines) in html
    assert link == LINK
    assert f'<a href="{LINK}"' in html
    assert "cid:" not in html
    # The footer is on the reader's clocks as well.
    assert re.search(r"2026-11-22 20:00:00 \(UTC\+0800\)", text)


def test_languages_of_channels_of_one_signal_do_not_mix(shanghai: User) -> None:
    channels = []
    with TelegramFake() as fake:
        for language in ("en", "zh-hans", "en"):
            values = {"token": "123456:AAx", "chat_id": 5, "api_base": fake.base}
            channels.append(create("telegram", values, shanghai, language=language))
        queued = notifications_record(
            messages=[signal()], channels=channels, now=NOW, at_once=True
        )
        for each in queued:
            notification_deliver(notification_id=each.id)
        told = [text.removeprefix("[P0] ") for text in fake.messages]
    english, chinese = ENGLISH.replace("\n\n", "\n"), CHINESE.replace("\n\n", "\n")
    assert sorted(told) == sorted([english, chinese, english])


@pytest.mark.parametrize("odd", ["_*[]<>&", "策略_*", "<b>&amp;", "{{ x }}{% y %}"])
def test_telegram_shows_every_sign(
    telegram: TelegramFake, telegram_channel: NotificationChannel, odd: str
) -> None:
    channel = changed(telegram_channel, language="en")
    row = tell(channel, context=signal({"strategy": odd, "tag": odd}).context)
    (told,) = telegram.messages
    assert f"Strategy: {odd} v1.4\n" in told
    assert f"Mark: enter_long · {odd}\n" in told
    assert row.content in told.replace("\n", "\n\n", 1)
    assert telegram.requests[0]["parse_mode"] == "HTML"


# -- The row says what was sent ---------------------------------------------


def test_the_row_holds_what_was_sent_and_what_it_was_made_of(
    telegram: TelegramFake, telegram_channel: NotificationChannel, shanghai: User
) -> None:
    row = tell(changed(telegram_channel, templates=OWN, user=shanghai.pk))
    assert telegram.messages == ["[P0] BTC/USDT\n63210.5 买入"]
    assert row.content == "BTC/USDT\n\n63210.5 买入"
    assert row.metadata["title"] == "BTC/USDT"
    assert row.metadata["told"] == {"language": "zh-hans", "zone": "Asia/Shanghai"}
    assert row.metadata["source"]["title"] == "▲ BUY BTC/USDT 5m · strong 82"


def test_a_retry_says_the_same_whatever_the_template_says_by_then(
    telegram: TelegramFake, telegram_channel: NotificationChannel
) -> None:
    telegram.answers.append((500, {"ok": False, "error_code": 500, "description": "x"}))
    channel = changed(telegram_channel, language="en")
    row = tell(channel)
    assert row.status == "retry"
    assert row.content == ENGLISH.replace("20:05 (Asia/Shanghai, UTC+8)", "12:05 (UTC)")
    changed(channel, templates=OWN)
    with time_machine.travel(NOW.replace(year=2027), tick=True):
        notification_deliver(notification_id=row.id)
    again = Notification.objects.get(id=row.id)
    assert (again.status, again.content) == ("sent", row.content)
    assert telegram.messages == ["[P0] " + row.content.replace("\n\n", "\n")]
    # What a person sends again is told anew, from the message itself.
    resent = notification_resend(row.id, "chen")
    notification_deliver(notification_id=resent.id)
    assert telegram.messages[-1] == "[P0] BTC/USDT\nbuy at 63210.5"


def test_an_alert_sent_again_is_not_decorated_twice(
    telegram: TelegramFake, telegram_channel: NotificationChannel
) -> None:
    own = {"alert": {"en": {"title": "! {{ title }}", "body": "> {{ body }}"}}}
    changed(telegram_channel, templates=own, language="en")
    (queued,) = notifications_record(
        messages=[message(message_type="alert")],
        channels=[telegram_channel],
        now=NOW,
        at_once=True,
    )
    notification_deliver(notification_id=queued.id)
    resent = notification_resend(queued.id, "chen")
    notification_deliver(notification_id=resent.id)
    assert telegram.messages == ["[P1] ! BUY BTC/USDT\n> Price: 63210.5"] * 2


def test_a_fallback_tells_it_in_its_own_words(
    telegram: TelegramFake, telegram_channel: NotificationChannel, shanghai: User
) -> None:
    values = {"token": "123456:AAx", "chat_id": 6, "api_base": telegram.base}
    other = create("telegram", values, shanghai, language="zh-hans", templates=OWN)
    telegram.blocked.add("-100123")
    row = tell(changed(telegram_channel, fallback=other.pk))
    assert row.status == "failed"
    notification_deliver(notification_id=row.metadata["fallback_to"])
    assert telegram.messages == ["[P0] BTC/USDT\n63210.5 买入"]


def test_the_other_rows_of_a_burst_are_not_in_the_first_channel_s_words(
    telegram: TelegramFake, shanghai: User
) -> None:
    values = {"token": "123456:AAx", "chat_id": 6, "api_base": telegram.base}
    channels = [
        create("telegram", values, shanghai, language=language, templates=templates)
        for language, templates in (("zh-hans", OWN), ("en", {}))
    ]
    told = [signal(signal_id=None) for _ in range(300)]
    recorded = messages_record(messages=told, channels=channels, now=NOW)
    assert recorded.fan_out_id is not None
    first = recorded.queued[0]
    notification_deliver(notification_id=first.id)
    later = fan_out_apply(fan_out_id=recorded.fan_out_id, now=NOW)
    rows = Notification.objects.in_bulk([each.id for each in later])
    assert {row.content for row in rows.values()} == {"▲ BUY BTC/USDT 5m · strong 82"}
    notification_deliver(notification_id=later[0].id)
    assert telegram.messages[0] == "[P0] BTC/USDT\n63210.5 买入"
    assert telegram.messages[1].startswith("[P0] ▲ BUY BTC/USDT 5m · strong 82\nPrice")


def test_a_template_error_costs_neither_the_message_nor_a_secret(
    telegram: TelegramFake,
    telegram_channel: NotificationChannel,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Written past the form, or checked by an earlier version.
    telegram_channel.config["templates"] = {"signal": {"en": {"body": "a\n{% x %}"}}}
    telegram_channel.config["language"] = "en"
    telegram_channel.save()
    with caplog.at_level(logging.WARNING), translation.override("en"):
        row = tell(telegram_channel)
    assert row.status == "sent"
    (told,) = telegram.messages
    assert "Price: 63210.5" in told
    assert row.metadata["told"]["template_error"].startswith(
        "Line 2: There is no tag x"
    )
    assert "There is no tag x" in caplog.text
    assert "AAfake" not in caplog.text
    assert "AAfake" not in str(row.metadata)


def test_a_channel_with_a_wrong_template_is_not_saved(
    email_config: dict[str, Any],
) -> None:
    own = {"signal": {"en": {"body": "{% include 'x' %}"}}}
    with translation.override("en"), pytest.raises(ConfigurationError) as caught:
        channel_create(
            name="mail", type="email", config=email_config | {"templates": own}
        )
    assert "signal, en: Line 1: There is no tag include here" in caught.value.message


def test_the_zone_is_the_user_s_then_that_of_the_quiet_hours(
    email_config: dict[str, Any], shanghai: User
) -> None:
    quiet = {"from": "01:00", "to": "02:00", "zone": "Europe/Berlin"}
    channel = channel_create(
        name="mail", type="email", config=email_config | {"quiet_hours": quiet}
    )
    reader = receiver(channel)
    told = render(channel, signal(), reader.language, reader.zone)
    assert "13:05 (Europe/Berlin, UTC+1)" in told.body
    channel.config["user"] = shanghai.pk
    reader = receiver(channel)
    told = render(channel, signal(), reader.language, reader.zone)
    assert "20:05 (Asia/Shanghai, UTC+8)" in told.body


def test_a_link_in_a_text_message_is_left_out_and_kept_elsewhere(
    telegram: TelegramFake, telegram_channel: NotificationChannel
) -> None:
    tell(telegram_channel)
    assert LINK in telegram.messages[0]


# -- Test messages ----------------------------------------------------------


def test_a_test_message_takes_the_channel_s_templates_and_language(
    telegram: TelegramFake, telegram_channel: NotificationChannel
) -> None:
    own = {"system": {"zh-hans": {"title": "试: {{ title }}"}}}
    channel = changed(telegram_channel, templates=own, language="zh-hans")
    with translation.override("en"):
        result = channel_test(channel)
    assert result.ok
    assert result.body == '{"ok": true, "result": {"message_id": 77}}'
    (told,) = telegram.messages
    assert told.startswith("[P1] 试: ")
    assert "If you can read this" not in told


def test_the_command_shows_the_provider_s_answer_word_for_word(
    telegram: TelegramFake,
    telegram_channel: NotificationChannel,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("send_test_notification", "bot")
    told = capsys.readouterr().out
    assert "was sent through bot: ok, message 77" in told
    assert '{"ok": true, "result": {"message_id": 77}}' in told


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_transport_shows_its_provider_s_answer(
    case: Case, shanghai: User
) -> None:
    with case.fake() as fake:
        channel = create(case.kind, case.values(fake), shanghai)
        result = channel_test(channel)
        assert result.ok
        # A webhook's receiver need not say a word.
        assert bool(result.body) == (case.kind != "webhook")
        if case.no is not None and case.sends_first:
            fake.answers.append(case.no)
            refused = channel_test(channel)
            assert (refused.ok, bool(refused.body)) == (False, True)

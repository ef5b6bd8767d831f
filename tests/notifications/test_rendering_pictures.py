"""The chart beside a signal: where it is shown, and that it never costs the message."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import User
from accounts.services import display_save
from btc_watcher.lib.errors import ConfigurationError
from notifications.models import Notification
from notifications.services import (
    channel_config_shown,
    channel_create,
    channel_update,
    notification_deliver,
    notifications_record,
)
from notifications.transports import TRANSPORTS
from tests.notifications.factories import NOW, message
from tests.notifications.told import SHANGHAI, signal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from pytest_django.fixtures import Settings

    from notifications.messages import Message
    from notifications.models import NotificationChannel
    from tests.notifications.fakes import SmtpFake, TelegramFake

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\nnot much of a picture\x00\xff\r\n--\r\n"
asked: list[tuple[Mapping[str, Any], ZoneInfo, str]] = []


def drawn(context: Mapping[str, Any], zone: ZoneInfo, rise: str) -> bytes | None:
    """Stand where freqtrade_mgmt's maker stands in the product."""
    asked.append((context, zone, rise))
    return PNG


def nothing(_context: Mapping[str, Any], _zone: ZoneInfo, _rise: str) -> bytes | None:
    """Have nothing to draw."""
    return None


def broken(_context: Mapping[str, Any], _zone: ZoneInfo, _rise: str) -> bytes | None:
    """Be a maker that fails."""
    raise RuntimeError("no pencil")


@pytest.fixture(autouse=True)
def maker(settings: Settings) -> None:
    """Let ``drawn`` draw."""
    asked.clear()
    settings.NOTIFICATION_PICTURE_MAKER = f"{__name__}.drawn"


def wanting(channel: NotificationChannel, **config: Any) -> NotificationChannel:
    """Have a channel want pictures."""
    shown = channel_config_shown(channel) | {"picture": True, "language": "en"}
    return channel_update(channel, config=shown | config)


def tell(channel: NotificationChannel, told: Message | None = None) -> Notification:
    """Record and deliver a signal; return its row."""
    (queued,) = notifications_record(
        messages=[told or signal()], channels=[channel], now=NOW, at_once=True
    )
    notification_deliver(notification_id=queued.id)
    return Notification.objects.get(id=queued.id)


def test_telegram_gets_a_photo_with_the_text_beside_it(
    telegram: TelegramFake, telegram_channel: NotificationChannel
) -> None:
    row = tell(wanting(telegram_channel, silent=True))
    assert row.status == "sent"
    assert telegram.photos == [PNG]
    (told,) = telegram.messages
    assert told == "[P0] " + row.content.replace("\n\n", "\n")
    (request,) = telegram.received
    assert request.path.endswith("/sendPhoto")
    assert b'name="disable_notification"\r\n\r\ntrue\r\n' in request.body
    assert row.metadata["answer"] == "ok, message 77"
    ((context, zone, rise),) = asked
    assert context["strategy_id"] == 3
    assert str(zone) == "UTC"
    assert rise == "green"


def test_a_text_is_not_cut_for_the_sake_of_a_picture(
    telegram: TelegramFake, telegram_channel: NotificationChannel
) -> None:
    long = {f"name {number}": "x" * 200 for number in range(8)}
    row = tell(wanting(telegram_channel), signal({"indicators": long}))
    assert row.status == "sent"
    assert telegram.photos == []
    assert "name 7 " + "x" * 200 in telegram.messages[0]


@pytest.mark.parametrize("picture", [PNG, b"no picture at all"])
def test_a_picture_that_telegram_refuses_costs_only_itself(
    telegram: TelegramFake,
    telegram_channel: NotificationChannel,
    monkeypatch: pytest.MonkeyPatch,
    picture: bytes,
) -> None:
    monkeypatch.setattr(f"{__name__}.PNG", picture)
    telegram.no_photos = picture.startswith(b"\x89PNG")
    row = tell(wanting(telegram_channel))
    assert (row.status, telegram.photos) == ("sent", [])
    assert len(telegram.messages) == 1
    telegram_channel.refresh_from_db()
    assert telegram_channel.enabled


def test_a_chat_that_is_gone_is_gone_with_a_picture_too(
    telegram: TelegramFake, telegram_channel: NotificationChannel
) -> None:
    telegram.gone.add("-100123")
    row = tell(wanting(telegram_channel))
    assert row.status == "failed"
    assert "chat not found" in (row.error_message or "")
    telegram_channel.refresh_from_db()
    assert not telegram_channel.enabled


def test_a_group_that_moved_gets_the_picture_at_its_new_place(
    telegram: TelegramFake, telegram_channel: NotificationChannel
) -> None:
    telegram.moved["-100123"] = -100999
    row = tell(wanting(telegram_channel))
    assert (row.status, telegram.photos) == ("sent", [PNG])
    telegram_channel.refresh_from_db()
    assert telegram_channel.config["chat_id"] == -100999


def test_a_mail_shows_the_picture_inside_of_its_html(
    smtp: SmtpFake, email_channel: NotificationChannel
) -> None:
    row = tell(wanting(email_channel))
    assert row.status == "sent"
    (mail,) = smtp.received
    assert mail.get_content_type() == "multipart/related"
    texts, image = mail.iter_parts()
    text, html = texts.iter_parts()
    assert "Price: 63210.5" in text.get_content()
    assert '<img src="cid:chart"' in html.get_content()
    assert image["content-id"] == "<chart>"
    assert image.get_content_disposition() == "inline"
    assert image.get_content() == PNG


@pytest.mark.parametrize("name", ["nothing", "broken", "no_such_function"])
def test_without_a_picture_the_message_goes_out_alone(
    telegram: TelegramFake,
    telegram_channel: NotificationChannel,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    settings.NOTIFICATION_PICTURE_MAKER = f"{__name__}.{name}"
    with caplog.at_level(logging.ERROR):
        row = tell(wanting(telegram_channel))
    assert (row.status, telegram.photos) == ("sent", [])
    assert telegram.received[0].path.endswith("/sendMessage")
    assert ("No picture could be drawn" in caplog.text) == (name != "nothing")


def test_nobody_draws_for_who_did_not_ask_or_what_is_no_signal(
    telegram: TelegramFake, telegram_channel: NotificationChannel, settings: Settings
) -> None:
    tell(telegram_channel)
    tell(wanting(telegram_channel), message(message_type="alert"))
    tell(telegram_channel, message())
    settings.NOTIFICATION_PICTURE_MAKER = ""
    tell(wanting(telegram_channel))
    assert asked == []
    assert len(telegram.messages) == 4


def test_the_picture_is_on_the_receiver_s_clocks(
    telegram: TelegramFake, telegram_channel: NotificationChannel
) -> None:
    quiet = {"from": "01:00", "to": "02:00", "zone": str(SHANGHAI)}
    tell(wanting(telegram_channel, quiet_hours=quiet))
    assert [str(zone) for _context, zone, _rise in asked] == ["Asia/Shanghai"]


@pytest.mark.parametrize(
    ("owner", "chosen", "channel", "rise"),
    [
        ("zh-CN", "", None, "red"),
        ("en", "", None, "green"),
        ("zh-CN", "green", None, "green"),
        ("en", "red", None, "red"),
        ("en", "", "zh-hans", "red"),
        (None, "", "zh-hans", "red"),
        (None, "", "en", "green"),
    ],
)
def test_the_picture_has_the_colours_that_its_readers_expect(
    telegram: TelegramFake,
    telegram_channel: NotificationChannel,
    owner: str | None,
    chosen: str,
    channel: str | None,
    rise: str,
) -> None:
    config: dict[str, Any] = {"language": channel}
    if owner:
        person = User.objects.create_user("mei", "secret-word", language=owner)
        display_save(user=person, rise=chosen)
        config["user"] = person.pk
    tell(wanting(telegram_channel, **config))
    assert [asked_for for _context, _zone, asked_for in asked] == [rise]


def test_who_cannot_show_pictures_refuses_them_with_a_sentence() -> None:
    able = {name for name, each in TRANSPORTS.items() if each.pictures}
    assert able == {"telegram", "email"}
    robot = {"url": "https://open.feishu.cn/open-apis/bot/v2/hook/x", "picture": True}
    with pytest.raises(ConfigurationError) as caught:
        channel_create(name="robot", type="feishu", config=robot)
    assert "not from a group robot" in caught.value.message
    hook = {"url": "https://example.org/x", "picture": True}
    with pytest.raises(ConfigurationError) as caught:
        channel_create(name="hook", type="webhook", config=hook)
    assert "Use one of type email, telegram" in caught.value.message
    with pytest.raises(ConfigurationError) as caught:
        channel_create(name="hook", type="webhook", config=hook | {"picture": "yes"})
    assert "'picture' is 'yes'" in caught.value.message

"""The pages of channels: made, changed, tested and switched, and no secret comes out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from notifications.forms import ChannelPage, Choices
from notifications.models import Notification, NotificationChannel
from notifications.services import channel_create, notification_deliver
from notifications.transports import SECRET_FIELDS, TRANSPORTS
from notifications.transports.base import secrets_read
from proxies.models import Proxy
from strategies.models import Strategy
from tests.notifications.conftest import TOKEN
from tests.notifications.factories import notification
from tests.notifications.pages import plain, queries, shown, signal
from tests.notifications.providers import CASES

if TYPE_CHECKING:
    from django.test import Client

    from accounts.models import User
    from tests.notifications.fakes import SmtpFake, TelegramFake
    from tests.notifications.providers import Case

pytestmark = pytest.mark.django_db

LIST = "/notifications/channels/"
NEW = f"{LIST}new/"


def filled(channel: NotificationChannel, **changes: Any) -> dict[str, Any]:
    """Return what a browser would send for the form as it is shown, with changes."""
    form = ChannelPage(channel, Choices.read())
    data: dict[str, Any] = {}
    for section in form.sections:
        for field in section:
            value = field.value()
            if value is None or value is False or value == "":
                continue
            data[field.html_name] = "on" if value is True else value
    data = {
        name: value if isinstance(value, list | tuple) else str(value)
        for name, value in data.items()
    }
    data |= changes
    return {name: value for name, value in data.items() if value is not None}


def blank(kind: str, **changes: Any) -> dict[str, Any]:
    """Return what a browser sends for a new channel."""
    return filled(NotificationChannel(type=kind, name="made"), **changes)


def test_a_channel_is_made_with_only_what_differs_from_the_defaults(
    browser: Client, telegram: TelegramFake
) -> None:
    data = blank(
        "telegram", t_token=TOKEN, t_chat_id="-100123", t_api_base=telegram.base
    )
    response = browser.post(f"{NEW}?type=telegram", data)
    channel = NotificationChannel.objects.get()
    assert response["Location"] == f"{LIST}{channel.id}/"
    assert set(channel.config) == {"token", "chat_id", "api_base"}
    assert channel.rate_limit_config == {}
    assert secrets_read(channel, ("token",)) == {"token": TOKEN}
    assert TOKEN not in shown(browser, f"{LIST}{channel.id}/")


def test_everything_that_the_form_offers_is_stored(
    browser: Client, admin: User, email_channel: NotificationChannel
) -> None:
    strategy = Strategy.objects.create(name="ema cross")
    other = channel_create(
        name="bot", type="telegram", config={"token": TOKEN, "chat_id": 1}
    )
    proxy = Proxy.objects.create(name="Tokyo", type="socks5", host="10.0.0.1", port=1)
    data = filled(
        email_channel,
        name="post",
        priority="7",
        enabled=None,
        message_types=["signal", "alert"],
        priorities=["P0"],
        strategies=[str(strategy.id)],
        pairs="BTC/USDT, */BTC",
        types=["BUY"],
        levels=["strong"],
        timeframes=["5m", "1h"],
        quiet_from="22:30",
        quiet_to="07:00",
        quiet_zone="Asia/Shanghai",
        quiet_passes="none",
        user=str(admin.id),
        speed_p1="15",
        speed_p2="900",
        repeat_minutes="0",
        second="",
        minute="10",
        hour="0",
        fallback=str(other.id),
        proxy=str(proxy.id),
        at_most_once="on",
        language="en",
        text_signal_en_title="{{ pair }} now",
        **{"text_signal_zh-hans_body": "{{ strategy }}"},
    )
    response = browser.post(f"{LIST}{email_channel.id}/", data)
    assert response.status_code == 302, plain(response.content.decode())
    email_channel.refresh_from_db()
    config = email_channel.config
    assert (email_channel.name, email_channel.enabled) == ("post", False)
    assert email_channel.priority == 7
    assert config["to"] == ["a@example.org"]
    assert config["message_types"] == ["signal", "alert"]
    assert config["priorities"] == ["P0"]
    assert config["rules"] == {
        "strategies": [strategy.id],
        "pairs": ["BTC/USDT", "*/BTC"],
        "types": ["BUY"],
        "levels": ["strong"],
        "timeframes": ["5m", "1h"],
    }
    assert config["quiet_hours"] == {
        "from": "22:30",
        "to": "07:00",
        "zone": "Asia/Shanghai",
        "passes": "none",
    }
    assert (config["user"], config["fallback"]) == (admin.id, other.id)
    assert config["proxy"] == proxy.id
    assert config["speed"] == {"P1": 15, "P2": 900}
    assert config["repeat_minutes"] == 0
    assert config["at_most_once"] is True
    assert config["language"] == "en"
    assert config["templates"] == {
        "signal": {
            "en": {"title": "{{ pair }} now"},
            "zh-hans": {"body": "{{ strategy }}"},
        }
    }
    assert email_channel.rate_limit_config["minute"] == 10
    assert email_channel.rate_limit_config["hour"] is None
    assert "second" not in email_channel.rate_limit_config


@pytest.mark.parametrize("case", CASES, ids=str)
def test_saving_the_form_as_it_is_shown_changes_nothing(
    browser: Client, case: Case
) -> None:
    with case.fake() as fake:
        values = case.values(fake)
        channel = channel_create(name="one", type=case.kind, config=values)
        before = channel.config
        response = browser.post(f"{LIST}{channel.id}/", filled(channel))
    assert response.status_code == 302, plain(response.content.decode())
    channel.refresh_from_db()
    numbers = {"chat_id": 5}  # is a text in the form
    for key in set(before) | set(channel.config):
        expected = str(before[key]) if key in numbers else before[key]
        assert channel.config[key] == expected, key


def test_a_key_that_no_field_shows_survives(
    browser: Client, email_channel: NotificationChannel
) -> None:
    config = email_channel.config | {"of_a_later_version": {"x": 1}}
    NotificationChannel.objects.update(config=config)
    email_channel.refresh_from_db()
    browser.post(f"{LIST}{email_channel.id}/", filled(email_channel, name="new"))
    email_channel.refresh_from_db()
    assert email_channel.name == "new"
    assert email_channel.config["of_a_later_version"] == {"x": 1}


def test_a_secret_stays_is_replaced_and_is_removed(browser: Client) -> None:
    channel = channel_create(
        name="robot",
        type="feishu",
        config={"url": "https://open.feishu.cn/hook/abc", "secret": "sign-me"},
    )
    address = f"{LIST}{channel.id}/"
    text = shown(browser, address)
    assert "sign-me" not in text
    assert channel.config["secret"] not in text
    browser.post(address, filled(channel))
    channel.refresh_from_db()
    assert secrets_read(channel, ("secret",)) == {"secret": "sign-me"}
    browser.post(address, filled(channel, t_secret="other-secret"))
    channel.refresh_from_db()
    assert secrets_read(channel, ("secret",)) == {"secret": "other-secret"}
    browser.post(address, filled(channel, forget_secret="on"))
    channel.refresh_from_db()
    assert "secret" not in channel.config
    assert "forget_url" not in shown(browser, address)


def test_fields_of_the_other_way_are_not_asked_for_and_not_kept(
    browser: Client,
) -> None:
    url = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0123456789"
    data = blank("wechat", t_mode="robot", t_url=url, t_corpid="ww1")
    response = browser.post(f"{NEW}?type=wechat", data)
    assert response.status_code == 302, plain(response.content.decode())
    channel = NotificationChannel.objects.get()
    assert set(channel.config) == {"mode", "url"}
    app = filled(
        channel, t_mode="app", t_corpid="ww1", t_secret="s3cret", t_agentid="1000002"
    )
    response = browser.post(f"{LIST}{channel.id}/", app)
    assert response.status_code == 400
    assert "This is needed." in response.content.decode()
    response = browser.post(f"{LIST}{channel.id}/", app | {"t_to": "zhang\nli, wang"})
    assert response.status_code == 302
    channel.refresh_from_db()
    assert channel.config["to"] == ["zhang", "li", "wang"]
    assert channel.config["agentid"] == 1000002
    assert "url" not in channel.config


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, "This field is required."),
        ({"t_host": ""}, "This is needed."),
        ({"t_security": "rot13"}, "rot13"),
        ({"t_port": "99999999"}, "&#x27;port&#x27;"),
        ({"message_types": None}, "Tick at least one."),
        ({"priorities": ["P7"]}, "P7"),
        ({"strategies": ["99"]}, "99"),
        ({"quiet_from": "22:00"}, "Enter both times, or none."),
        ({"quiet_from": "22:00", "quiet_to": "22:00"}, "Enter another time"),
        ({"quiet_from": "25:00", "quiet_to": "07:00"}, "Enter a valid time."),
        ({"minute": "-1"}, "greater than or equal to 0"),
        ({"text_signal_en_body": "{% load x %}"}, "Line 1:"),
        ({"text_signal_en_body": "{{ pear }}"}, "there is no value pear"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_stored(
    browser: Client,
    email_channel: NotificationChannel,
    changes: dict[str, Any],
    told: str,
) -> None:
    before = NotificationChannel.objects.values().get()
    response = browser.post(
        f"{LIST}{email_channel.id}/", filled(email_channel, **changes)
    )
    assert response.status_code == 400
    text = response.content.decode()
    assert told in text
    assert "To look at again:" in text
    assert NotificationChannel.objects.values().get() == before


@pytest.mark.parametrize("kind", sorted(TRANSPORTS))
def test_every_type_has_a_form_and_only_its_own_fields(
    browser: Client, kind: str
) -> None:
    text = shown(browser, f"{NEW}?type={kind}")
    for field in TRANSPORTS[kind].fields:
        assert f'name="t_{field.name}"' in text
        assert str(field.help) in plain(text) or "&" in str(field.help)
    response = browser.post(f"{NEW}?type={kind}", {})
    assert response.status_code == 400
    assert not NotificationChannel.objects.exists()


def test_a_type_is_chosen_first(browser: Client) -> None:
    text = shown(browser, f"{NEW}?type=pigeon")
    assert all(f"?type={kind}" in text for kind in TRANSPORTS)


def test_a_text_message_is_for_urgent_things_unless_one_says_more(
    browser: Client,
) -> None:
    data = blank(
        "sms",
        t_provider="twilio",
        t_to="+8613800138000",
        t_account_sid="AC1",
        t_auth_token="token-of-twilio",
        t_from="+15005550006",
    )
    assert data["priorities"] == ("P0",)
    browser.post(f"{NEW}?type=sms", data)
    channel = NotificationChannel.objects.get()
    assert "priorities" not in channel.config
    data = filled(channel, priorities=["P0", "P1", "P2"])
    browser.post(f"{LIST}{channel.id}/", data)
    channel.refresh_from_db()
    assert channel.config["priorities"] == ["P0", "P1", "P2"]


# -- Tests and the switch -------------------------------------------------------


def test_the_test_shows_the_answer_word_for_word(
    browser: Client, telegram_channel: NotificationChannel, telegram: TelegramFake
) -> None:
    address = f"{LIST}{telegram_channel.id}/"
    text = plain(browser.post(f"{address}test/", follow=True).content.decode())
    assert "The provider accepted the test." in text
    assert '{"ok": true' in text
    telegram.answers.append(
        (400, {"ok": False, "error_code": 400, "description": "Bad Request: no <b>"})
    )
    part = browser.post(f"{address}test/", headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    text = plain(part.content.decode())
    assert "The test was not accepted." in text
    assert "Bad Request: no <b>" in text
    assert TOKEN not in text
    assert Notification.objects.count() == 2


def test_after_a_test_the_page_says_how_the_channel_is_doing_now(
    browser: Client, telegram_channel: NotificationChannel, telegram: TelegramFake
) -> None:
    address = f"{LIST}{telegram_channel.id}/"
    page = browser.get(address).content.decode()
    assert page.count('id="standing"') == 1
    assert "hx-swap-oob" not in page
    assert ("not tried" in page, "Last test" in page) == (True, True)
    part = browser.post(f"{address}test/", headers={"HX-Request": "true"})
    text = part.content.decode()
    assert '<dl class="kv small" id="standing" hx-swap-oob="true">' in text
    standing = text[text.index('id="standing"') :]
    assert "works" in standing
    assert "Last test</dt><dd><time" in standing
    assert "Last sent</dt><dd><time" in standing
    telegram.answers.append(
        (401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
    )
    part = browser.post(f"{address}test/", headers={"HX-Request": "true"})
    standing = part.content.decode().partition('id="standing"')[2]
    telegram_channel.refresh_from_db()
    assert ("badge-error" in standing) or (not telegram_channel.enabled)
    assert ">off<" in standing or "badge-error" in standing
    assert '<dd class="num">1</dd>' in standing


def test_a_number_of_another_notification_is_not_shown_as_a_test(
    browser: Client, email_channel: NotificationChannel
) -> None:
    row = notification(email_channel, title="Private matter")
    text = shown(browser, f"{LIST}{email_channel.id}/?test={row.id}")
    assert "Private matter" not in text


def test_a_channel_is_switched_off_and_on_again(
    browser: Client, email_channel: NotificationChannel
) -> None:
    address = f"{LIST}{email_channel.id}/switch/"
    text = browser.post(address, {"to": "off"}, follow=True).content.decode()
    assert "is switched off." in text
    assert not NotificationChannel.objects.get().enabled
    NotificationChannel.objects.update(
        config=email_channel.config | {"disabled": {"reason": "535 no", "at": "x"}}
    )
    assert "535 no" in shown(browser, LIST)
    assert "It could not send" in shown(browser, f"{LIST}{email_channel.id}/")
    browser.post(address, {"to": "on"})
    assert NotificationChannel.objects.get().enabled
    assert "535 no" not in shown(browser, LIST)


# -- The list --------------------------------------------------------------------


def test_the_list_says_how_each_channel_is_doing(
    browser: Client,
    email_channel: NotificationChannel,
    smtp: SmtpFake,
) -> None:
    config = email_channel.config | {
        "quiet_hours": {"from": "00:00", "to": "23:59", "zone": "UTC", "passes": "P0"},
        "rules": {"pairs": ["BTC/*"], "strategies": [4]},
        "message_types": ["signal"],
    }
    NotificationChannel.objects.update(config=config, rate_limit_config={"hour": 5})
    sent = notification(email_channel, priority="P0", context={"pair": "BTC/USDT"})
    notification_deliver(notification_id=sent.id)
    for number in range(3):
        row = notification(email_channel, priority="P0", title=f"{number}")
        metadata = row.metadata
        if number == 2:
            metadata |= {"suppressed": {"because": "silence", "by": "1"}}
        Notification.objects.filter(id=row.id).update(
            status="failed", metadata=metadata
        )
    yesterday = notification(
        email_channel, priority="P0", now=timezone.now() - timedelta(days=1, minutes=1)
    )
    Notification.objects.filter(id=yesterday.id).update(status="failed")
    text = plain(shown(browser, LIST))
    assert "works" in text
    assert "signals strategies: #4 BTC/*" in text
    assert "1 of 5 in an hour" in text
    assert 'state=failed&days=1">2<' in shown(browser, LIST).replace("&amp;", "&")
    if timezone.now().strftime("%H:%M") != "23:59":
        assert "quiet until 23:59" in text


def test_an_empty_list_says_what_to_do(browser: Client) -> None:
    assert "There is no channel yet." in shown(browser, LIST)
    assert NEW in shown(browser, LIST)


def test_the_list_makes_as_many_queries_for_many_channels_as_for_one(
    browser: Client, admin: User
) -> None:
    NotificationChannel.objects.create(name="c", type="email")
    few = queries(browser, LIST)
    for number in range(20):
        NotificationChannel.objects.create(
            name=f"c{number}", type="email", config={"user": admin.id}
        )
    # Users are read once there is a channel that belongs to one.
    assert queries(browser, LIST) == few + 1


# -- Who may what -----------------------------------------------------------------


def test_an_onlooker_reads_a_channel_without_secrets_and_changes_nothing(
    onlooker: Client, telegram_channel: NotificationChannel
) -> None:
    address = f"{LIST}{telegram_channel.id}/"
    before = NotificationChannel.objects.values().get()
    for text in (shown(onlooker, LIST), shown(onlooker, address)):
        assert TOKEN not in text
        assert telegram_channel.config["token"] not in text
        assert "Switch off" not in text
        assert "Send a test message" not in text
    assert "-100123" in shown(onlooker, address)
    assert '<fieldset class="sheet-main" disabled>' in shown(onlooker, address)
    assert onlooker.get(NEW).status_code == 403
    for part in ("", "test/", "switch/"):
        response = onlooker.post(f"{address}{part}", filled(telegram_channel, name="x"))
        assert response.status_code == 403
    assert NotificationChannel.objects.values().get() == before
    assert not Notification.objects.exists()


def test_no_page_of_a_channel_holds_any_of_its_secrets(browser: Client) -> None:
    values = {name: f"secret-of-{name}-0123" for name in SECRET_FIELDS}
    stored = NotificationChannel.objects.create(name="all", type="webhook", config={})
    NotificationChannel.objects.update(config=values)
    for kind in sorted(TRANSPORTS):
        NotificationChannel.objects.update(type=kind)
        text = shown(browser, f"{LIST}{stored.id}/")
        assert not [value for value in values.values() if value in text], kind


# -- Texts --------------------------------------------------------------------------


def test_a_template_is_shown_on_the_newest_signal_in_both_languages(
    browser: Client,
) -> None:
    address = f"{LIST}texts/"
    nothing = plain(browser.post(address, {"kind": "signal"}).content.decode())
    assert "There is no signal yet" in nothing
    signal(pair="SOL/USDT", strategy_name="<b>fast</b>")
    data = {
        "kind": "signal",
        "text_signal_en_title": "{{ pair }} ({{ strategy }})",
        "text_signal_zh-hans_title": "{{ pair",
        "text_signal_zh-hans_body": "{% if pair %}",
    }
    html = browser.post(address, data).content.decode()
    assert "SOL/USDT (&lt;b&gt;fast&lt;/b&gt;)" in html
    assert "is not closed on the same line." in html
    assert "The default is told instead:" in html
    assert 'lang="zh-hans"' in html
    assert not NotificationChannel.objects.exists()


@pytest.mark.parametrize("kind", ["digest", "alert", "system"])
def test_every_kind_of_message_has_a_preview(browser: Client, kind: str) -> None:
    signal(pair="SOL/USDT")
    data = {"kind": kind, f"text_{kind}_en_title": "[{{ priority }}] {{ title }}"}
    text = plain(browser.post(f"{LIST}texts/", data).content.decode())
    assert "[P" in text
    assert "The default is told instead" not in text
    assert browser.post(f"{LIST}texts/", {"kind": "poem"}).status_code == 404


def test_the_form_says_what_a_template_may_name(browser: Client) -> None:
    text = plain(shown(browser, f"{NEW}?type=email"))
    assert "The price at the close of the candle." in text
    assert "{{ strategy }}" in shown(browser, f"{NEW}?type=email")

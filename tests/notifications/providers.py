"""Every transport with its fake, for tests that hold for all of them."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from btc_watcher.lib.encryption import key_ring
from notifications.models import NotificationChannel
from notifications.transports import TRANSPORTS
from notifications.transports.base import Outgoing, secret_identity
from tests.notifications.fakes import (
    AliyunFake,
    Answer,
    FeishuFake,
    HttpFake,
    NtfyFake,
    TelegramFake,
    TwilioFake,
    WebhookFake,
    WeComFake,
)

if TYPE_CHECKING:
    from collections.abc import Callable

TELEGRAM_TOKEN: Final = "123456:AAfake-Token_of-a-Bot-0123456789"
PHONE: Final = "+8613800138000"
MESSAGE: Final = Outgoing(
    id=7,
    title="▲ BUY BTC/USDT 5m",
    body="Strategy: ema_cross\nPrice: 63210.5",
    priority="P0",
    message_type="signal",
    queued_at=datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
    context={"pair": "BTC/USDT", "price": 63210.5, "indicators": {"rsi": 28.1}},
    language="en",
)


@dataclass(frozen=True)
class Case:
    """One transport in one mode.

    ``values`` gives config and secrets in one for a fake; ``shown`` the texts that
    people see; ``no`` is a refusal with status 200; ``busy`` asks to wait for so many
    seconds. ``careful`` transports want the provider's own word beside the status.
    """

    name: str
    kind: str
    fake: type[HttpFake]
    values: Callable[[Any], dict[str, Any]]
    shown: Callable[[Any], list[str]]
    no: Answer | None
    busy: tuple[Answer, float]
    careful: bool = True
    sends_first: bool = True

    def __str__(self) -> str:
        return self.name


def feishu(fake: FeishuFake) -> dict[str, Any]:
    """Return the configuration for a robot that checks signatures."""
    fake.secret = "feishu-signing-secret"
    return {"url": fake.url, "secret": fake.secret}


def app(fake: WeComFake) -> dict[str, Any]:
    """Return the configuration for an application."""
    return {
        "mode": "app",
        "corpid": fake.corpid,
        "secret": fake.secret,
        "agentid": fake.agentid,
        "to": ["zhang"],
        "api_base": fake.base,
    }


def aliyun(fake: AliyunFake) -> dict[str, Any]:
    """Return the configuration for Aliyun."""
    return {
        "provider": "aliyun",
        "to": [PHONE],
        "access_key_id": fake.key_id,
        "access_key_secret": fake.key,
        "sign_name": "BTC Watcher",
        "template_code": "SMS_123456789",
        "variables": {"pair": "{title}", "price": "{body}"},
        "api_base": fake.base,
    }


def twilio(fake: TwilioFake) -> dict[str, Any]:
    """Return the configuration for Twilio."""
    return {
        "provider": "twilio",
        "to": [PHONE],
        "account_sid": fake.sid,
        "auth_token": fake.token,
        "from": fake.sender,
        "api_base": fake.base,
    }


def webhook(fake: WebhookFake) -> dict[str, Any]:
    """Return the configuration for a receiver that checks everything."""
    fake.secret, fake.authorization = "webhook-signing-secret", "Bearer webhook-bearer"
    return {
        "url": fake.url,
        "secret": fake.secret,
        "authorization": fake.authorization,
        "allow_private": True,
    }


def ntfy(fake: NtfyFake) -> dict[str, Any]:
    """Return the configuration for a topic with a login."""
    fake.password = "ntfy-password"
    return {"url": fake.url, "allow_private": True}


def _card_texts(fake: FeishuFake) -> list[str]:
    """Return what people read of each card, and where its buttons lead."""
    return [
        "\n".join(
            [card["header"]["title"]["content"]]
            + [each["text"]["content"] for each in card["elements"] if "text" in each]
            + [
                button["url"]
                for each in card["elements"]
                for button in each.get("actions", ())
            ]
        )
        for card in fake.cards
    ]


def _markdown_texts(fake: WeComFake) -> list[str]:
    head = ('<font color="warning">', "</font>", "**", "\u200b")
    texts = fake.robot
    for each in head:
        texts = [text.replace(each, "") for text in texts]
    return texts


def _webhook_texts(fake: WebhookFake) -> list[str]:
    return [f"{each['title']}\n{each['body']}" for each in fake.taken]  # type: ignore[index]


def _wait(seconds: int) -> tuple[Answer, float]:
    return (429, {"error": "slow down"}, {"Retry-After": str(seconds)}), float(seconds)


CASES: Final = (
    Case(
        "telegram",
        "telegram",
        TelegramFake,
        lambda fake: {"token": TELEGRAM_TOKEN, "chat_id": 5, "api_base": fake.base},
        lambda fake: fake.messages,
        no=(200, {"ok": False, "error_code": 400, "description": "Bad Request: no"}),
        busy=(
            (
                429,
                {
                    "ok": False,
                    "error_code": 429,
                    "description": "Too Many Requests",
                    "parameters": {"retry_after": 17},
                },
            ),
            17.0,
        ),
    ),
    Case(
        "feishu",
        "feishu",
        FeishuFake,
        feishu,
        _card_texts,
        no=(200, {"code": 19024, "msg": "Key Words Not Found", "data": {}}),
        busy=_wait(21),
    ),
    Case(
        "wechat robot",
        "wechat",
        WeComFake,
        lambda fake: {"mode": "robot", "url": fake.url},
        _markdown_texts,
        no=(200, {"errcode": 93000, "errmsg": "invalid webhook url"}),
        busy=((200, {"errcode": 45009, "errmsg": "api freq out of limit"}), 60.0),
    ),
    Case(
        "wechat app",
        "wechat",
        WeComFake,
        app,
        lambda fake: [each["text"]["content"] for each in fake.app],
        no=(200, {"errcode": 40001, "errmsg": "invalid credential"}),
        busy=((200, {"errcode": 45009, "errmsg": "api freq out of limit"}), 60.0),
        # It asks for a token first, and has sent nothing then.
        sends_first=False,
    ),
    Case(
        "sms aliyun",
        "sms",
        AliyunFake,
        aliyun,
        lambda fake: [str(each) for each in fake.texts],
        no=(200, {"Code": "isv.SMS_TEMPLATE_ILLEGAL", "Message": "no such template"}),
        busy=(
            (200, {"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "分钟级流控"}),
            60.0,
        ),
    ),
    Case(
        "sms twilio",
        "sms",
        TwilioFake,
        twilio,
        lambda fake: [text for _number, text in fake.texts],
        no=(200, {"code": 30034, "message": "unregistered number"}),
        busy=_wait(30),
    ),
    Case(
        "webhook",
        "webhook",
        WebhookFake,
        webhook,
        _webhook_texts,
        no=None,
        busy=_wait(9),
        careful=False,
    ),
    Case(
        "apprise",
        "apprise",
        NtfyFake,
        ntfy,
        lambda fake: [f"{each['title']}\n{each['message']}" for each in fake.messages],
        no=(200, {"errcode": 310000, "errmsg": "keywords not in content"}),
        busy=_wait(12),
        careful=False,
    ),
)


def channel_of(
    case_type: str, values: dict[str, Any], **changes: Any
) -> NotificationChannel:
    """Return a channel that is not stored, with its secrets encrypted."""
    channel = NotificationChannel(id=7, name="tested", type=case_type)
    config = values | changes
    for name in TRANSPORTS[case_type].secret_fields:
        if plain := config.get(name):
            config[name] = key_ring().encrypt(plain, secret_identity(7, name))
    channel.config = config
    return channel


def secrets_of(case_type: str, values: dict[str, Any]) -> list[str]:
    """Return the secrets in a configuration."""
    names = TRANSPORTS[case_type].secret_fields
    return [str(values[name]) for name in names if values.get(name)]


def elsewhere(values: dict[str, Any], fake: HttpFake, port: int) -> dict[str, Any]:
    """Return a configuration that points to another port of this machine."""
    here = fake.base.removeprefix("http://")
    moved: dict[str, Any] = json.loads(
        json.dumps(values).replace(here, f"127.0.0.1:{port}")
    )
    return moved


def seen(text: str) -> str:
    """Return a text as people see it."""
    return html.unescape(text)

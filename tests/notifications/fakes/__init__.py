"""Providers on loopback that speak the vendors' protocols, and can behave badly."""

from __future__ import annotations

from tests.notifications.fakes.aliyun import AliyunFake
from tests.notifications.fakes.feishu import FeishuFake
from tests.notifications.fakes.http import Answer, HttpFake, Received
from tests.notifications.fakes.ntfy import NtfyFake
from tests.notifications.fakes.proxies import ProxyFake
from tests.notifications.fakes.raw import RawServer
from tests.notifications.fakes.smtp import SmtpFake
from tests.notifications.fakes.telegram import TelegramFake
from tests.notifications.fakes.twilio import TwilioFake
from tests.notifications.fakes.webhook import WebhookFake
from tests.notifications.fakes.wecom import WeComFake

__all__ = [
    "AliyunFake",
    "Answer",
    "FeishuFake",
    "HttpFake",
    "NtfyFake",
    "ProxyFake",
    "RawServer",
    "Received",
    "SmtpFake",
    "TelegramFake",
    "TwilioFake",
    "WeComFake",
    "WebhookFake",
]

"""Feishu's group robot: its token, signature, keyword, card and size."""

from __future__ import annotations

import base64
import hmac
import time
from typing import TYPE_CHECKING, Any

from tests.notifications.fakes.http import (
    Answer,
    HttpFake,
    Received,
    first_refusal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

TEMPLATES = ("blue", "wathet", "turquoise", "green", "yellow", "orange", "red", "grey")
BUTTONS = ("default", "primary", "danger")
LARGEST = 20 * 1024


class FeishuFake(HttpFake):
    """A robot; ``cards`` are what it took. ``secret`` and ``keyword`` are its checks."""

    def __init__(self) -> None:
        super().__init__()
        self.token = "0f1e2d3c-robot-token-of-the-group"
        self.secret = ""
        self.keyword = ""
        self.cards: list[Mapping[str, Any]] = []

    @property
    def url(self) -> str:
        """The robot's address."""
        return f"{self.base}/open-apis/bot/v2/hook/{self.token}"

    def busy(self) -> Answer:
        """Answer as above 100 messages a minute: with status 200."""
        return told(11232, "frequency limited psm[lark.oapi.app_platform_runtime]")

    def reply(self, request: Received) -> Answer:
        """Check a request as Feishu does, and take its card."""
        body = request.json if isinstance(request.json, dict) else {}
        path = f"/open-apis/bot/v2/hook/{self.token}"
        stale = "sign match fail or timestamp is not within one hour from current time"
        invalid = "param invalid: incoming webhook access token invalid"
        words = request.body.decode()
        refused = first_refusal(
            (request.path != path, told(19001, invalid)),
            (not body or len(request.body) > LARGEST, told(9499, "Bad Request")),
            (self.secret and not self._signed(body), told(19021, stale)),
            (self.keyword not in words, told(19024, "Key Words Not Found")),
            (not _is_card(body), told(9499, "Bad Request")),
        )
        if refused:
            return refused
        self.cards.append(body["card"])
        return 200, {
            "StatusCode": 0,
            "StatusMessage": "success",
            "code": 0,
            "data": {},
            "msg": "success",
        }

    def _signed(self, body: Mapping[str, Any]) -> bool:
        stamp = str(body.get("timestamp", ""))
        if not stamp.isdigit() or abs(time.time() - int(stamp)) > 3600:
            return False
        mac = hmac.new(f"{stamp}\n{self.secret}".encode(), digestmod="sha256")
        return body.get("sign") == base64.b64encode(mac.digest()).decode()


def _is_card(body: Mapping[str, Any]) -> bool:
    if body.get("msg_type") != "interactive":
        return False
    card = body["card"]
    return (
        card["header"]["template"] in TEMPLATES
        and _is_text(card["header"]["title"])
        and bool(card["elements"])
        and all(_is_element(each) for each in card["elements"])
    )


def _is_element(element: Mapping[str, Any]) -> bool:
    match element:
        case {"tag": "div", "text": text}:
            return _is_text(text)
        case {"tag": "action", "actions": [*buttons]}:
            return bool(buttons) and all(_is_button(each) for each in buttons)
        case _:
            return False


def _is_button(button: Mapping[str, Any]) -> bool:
    return (
        button["tag"] == "button"
        and _is_text(button["text"])
        and button["type"] in BUTTONS
        and str(button["url"]).startswith(("https://", "http://"))
    )


def _is_text(text: Mapping[str, Any]) -> bool:
    return text["tag"] == "plain_text" and bool(text["content"])


def told(code: int, message: str) -> Answer:
    """Return an error of Feishu: the status stays 200."""
    return 200, {"code": code, "data": {}, "msg": message}

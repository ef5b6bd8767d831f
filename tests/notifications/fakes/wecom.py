"""WeCom: a group's robot and an application, with tokens, sizes and silent limits."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from tests.notifications.fakes.http import (
    Answer,
    HttpFake,
    Received,
    first_refusal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

OK = {"errcode": 0, "errmsg": "ok"}


class WeComFake(HttpFake):
    """``robot`` and ``app`` are the messages that arrived.

    ``valid`` are the access tokens in use and ``old`` those that have expired;
    ``members`` are whom the application may write to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.key = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
        self.corpid = "ww0123456789abcdef"
        self.secret = f"application-secret-{secrets.token_hex(8)}"
        self.agentid = 1000002
        self.members = {"zhang", "li"}
        self.valid: set[str] = set()
        self.old: set[str] = set()
        self.fetched = 0
        self.robot: list[str] = []
        self.app: list[Mapping[str, Any]] = []

    @property
    def url(self) -> str:
        """The robot's address."""
        return f"{self.base}/cgi-bin/webhook/send?key={self.key}"

    def expire(self) -> None:
        """Let the two hours pass."""
        self.old |= self.valid
        self.valid.clear()

    def busy(self) -> Answer:
        """Answer as above 20 messages a minute."""
        return told(45009, "api freq out of limit")

    def reply(self, request: Received) -> Answer:
        """Check a request as WeCom does, and take its message."""
        match request.path:
            case "/cgi-bin/webhook/send":
                return self._robot(request)
            case "/cgi-bin/gettoken":
                return self._token(request.query)
            case "/cgi-bin/message/send":
                return self._app(request)
            case _:
                return 404, b"not found"

    def _robot(self, request: Received) -> Answer:
        if request.query.get("key") != self.key:
            return told(93000, "invalid webhook url, hint: [1735689600123]")
        body = request.json
        if body.get("msgtype") != "markdown":
            return told(40008, "invalid message type")
        content = body["markdown"]["content"]
        if not content:
            return told(44004, "empty content")
        if len(content.encode()) > 4096:
            return told(40058, "markdown.content exceed max length 4096")
        self.robot.append(content)
        return 200, OK

    def _token(self, query: Mapping[str, str]) -> Answer:
        if query.get("corpid") != self.corpid:
            return told(40013, "invalid corpid")
        if query.get("corpsecret") != self.secret:
            return told(40001, "invalid credential")
        self.fetched += 1
        token = f"access-token-{secrets.token_hex(16)}"
        self.valid.add(token)
        return 200, OK | {"access_token": token, "expires_in": 7200}

    def _app(self, request: Received) -> Answer:
        token = request.query.get("access_token", "")
        body = request.json
        content = body[body["msgtype"]]["content"]
        asked = body["touser"].split("|")
        known = self.members if asked == ["@all"] else self.members & set(asked)
        size = len(content.encode())
        refused = first_refusal(
            (token in self.old, told(42001, "access_token expired")),
            (token not in self.valid, told(40014, "invalid access_token")),
            (body.get("agentid") != self.agentid, told(40056, "invalid agentid")),
            (not 0 < size <= 2048, told(45002, "content size out of limit")),
            (not known, told(81013, "user & party & tag all invalid")),
        )
        if refused:
            return refused
        # What it has seen within the interval it takes and does not deliver.
        seen = [{k: v for k, v in each.items() if k != "to"} for each in self.app]
        if not body.get("enable_duplicate_check") or body not in seen:
            self.app.append(body | {"to": known})
        strangers = "|".join(each for each in asked if each not in {*known, "@all"})
        return 200, OK | {"invaliduser": strangers, "msgid": f"msg-{len(self.app)}"}


def told(code: int, message: str) -> Answer:
    """Return an error of WeCom: the status stays 200."""
    return 200, {"errcode": code, "errmsg": message}

"""Telegram's Bot API: sendMessage and sendPhoto, their HTML, limits and refusals."""

from __future__ import annotations

import email
import html
import re
from email.message import Message
from typing import TYPE_CHECKING, Any

from tests.notifications.fakes.http import Answer, HttpFake, Received

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = re.compile(r"/bot([0-9]+:[A-Za-z0-9_-]+)/(sendMessage|sendPhoto)")
TAG = re.compile(r"</?(b|i|u|s|code|pre)>")
ENTITY = re.compile(r"&(lt|gt|amp|quot);")


class TelegramFake(HttpFake):
    """A Bot API; ``messages`` are the texts as people see them.

    ``token`` is the only one it takes when it is set; ``gone`` are chats that it
    does not know, ``blocked`` those that do not want the bot, ``moved`` the new
    numbers of groups. ``photos`` are the pictures that came with texts; with
    ``no_photos`` it refuses them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.token = ""
        self.gone: set[str] = set()
        self.blocked: set[str] = set()
        self.moved: dict[str, int] = {}
        self.messages: list[str] = []
        self.photos: list[bytes] = []
        self.no_photos = False

    @property
    def requests(self) -> list[Mapping[str, Any]]:
        """The JSON objects that were posted."""
        return [each.json for each in self.received]

    @property
    def paths(self) -> list[str]:
        """The paths that were posted to."""
        return [each.path for each in self.received]

    def busy(self) -> Answer:
        """Ask for patience."""
        return refusal(429, "Too Many Requests: retry after 7", retry_after=7)

    def reply(self, request: Received) -> Answer:
        """Check a message as the Bot API does, and take it."""
        found = PATH.fullmatch(request.path)
        if not found:
            return refusal(404, "Not Found")
        if self.token and found[1] != self.token:
            return refusal(401, "Unauthorized")
        if found[2] == "sendMessage":
            message = request.json
            return self._chat(str(message["chat_id"])) or self._text(message, 4096)
        return self._photo(form_of(request))

    def _photo(self, form: Mapping[str, bytes]) -> Answer:
        message = {
            name: value.decode() for name, value in form.items() if name != "photo"
        }
        message["text"] = message.pop("caption", "")
        refused = self._chat(message["chat_id"])
        if refused is None and self.no_photos:
            refused = refusal(
                400, "Bad Request: not enough rights to send photos to the chat"
            )
        if refused is None and not form["photo"].startswith(b"\x89PNG"):
            refused = refusal(400, "Bad Request: IMAGE_PROCESS_FAILED")
        answer = refused or self._text(message, 1024)
        if answer[0] == 200:
            self.photos.append(form["photo"])
        return answer

    def _chat(self, chat: str) -> Answer | None:
        if chat in self.gone:
            return refusal(400, "Bad Request: chat not found")
        if chat in self.blocked:
            return refusal(403, "Forbidden: bot was blocked by the user")
        if new := self.moved.get(chat):
            told = "Bad Request: group chat was upgraded to a supergroup chat"
            return refusal(400, told, migrate_to_chat_id=new)
        return None

    def _text(self, message: Mapping[str, Any], most: int) -> Answer:
        text = message["text"]
        if message.get("parse_mode") == "HTML":
            bare = TAG.sub("", text)
            if "<" in bare or "&" in ENTITY.sub("", bare):
                return refusal(400, "Bad Request: can't parse entities: at byte offset")
            text = html.unescape(bare)
        if not text.strip():
            return refusal(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > most:
            return refusal(400, "Bad Request: message is too long")
        self.messages.append(text)
        return 200, {"ok": True, "result": {"message_id": 76 + len(self.messages)}}


def form_of(request: Received) -> dict[str, bytes]:
    """Return the parts of a form with a file."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parts: Any = email.message_from_bytes(head + request.body).get_payload()
    form = {}
    for part in parts:
        assert isinstance(part, Message)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        form[str(part.get_param("name", header="content-disposition"))] = content
    return form


def refusal(code: int, description: str, **parameters: Any) -> Answer:
    """Return an error of the Bot API."""
    body = {"ok": False, "error_code": code, "description": description}
    return code, body | ({"parameters": parameters} if parameters else {})

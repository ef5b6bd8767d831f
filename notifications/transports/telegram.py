"""Telegram's Bot API. Configuration: token (secret), chat_id, thread_id, silent, picture,
api_base."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.errors import TransportError
from notifications.transports.answers import (
    object_of,
    session_open,
    status_error,
    words,
)
from notifications.transports.base import PICTURE, Field, Outgoing, Receipt, Transport
from notifications.transports.reading import base_address, bounded_number, required_text
from notifications.transports.texts import cut, utf16

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from btc_watcher.lib.outgoing import OutgoingSession
    from btc_watcher.lib.sockets import ProxyAddress

API_BASE: Final = "https://api.telegram.org"
TOKEN: Final = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
TEXT_LENGTH: Final = 4096
CAPTION_LENGTH: Final = 1024
# Telegram asks for patience with 429 and has its own bad moments with 5xx; every
# other refusal is about the bot, the chat or the text and will not change.
TEMPORARY: Final = (408, 409, 420, 429)
# A refusal that every later message would get, too.
CHAT_GONE: Final = (
    "chat not found",
    "chat_id is empty",
    "peer_id_invalid",
    "user is deactivated",
    "group chat was deactivated",
    "not enough rights",
    "have no rights",
    "need administrator rights",
    "chat_write_forbidden",
    "message thread not found",
    "topic_closed",
)


class TelegramTransport(Transport):
    """Sends with sendMessage; only a body whose ``ok`` is true is a receipt."""

    type: ClassVar[str] = "telegram"
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="token",
            label=_("Bot token"),
            help=_("BotFather shows it when the bot is made: 123456:ABC-DEF…"),
            secret=True,
            required=True,
        ),
        Field(
            name="chat_id",
            label=_("Chat"),
            help=_("The number of a person, group or channel, or @name of a channel."),
            required=True,
        ),
        Field(
            name="thread_id",
            label=_("Topic"),
            help=_("The number of a topic in a group with topics."),
            kind="number",
        ),
        Field(
            name="silent",
            label=_("Silent"),
            help=_("Messages arrive without a sound."),
            kind="boolean",
            default=False,
        ),
        PICTURE,
        Field(
            name="api_base",
            destination=True,
            label=_("API address"),
            help=_("Only for a Bot API server of your own."),
            default=API_BASE,
        ),
    )
    # Documented: one a second to a chat, 20 a minute to a group.
    default_limits: ClassVar[Mapping[str, int]] = {"second": 1, "minute": 18}
    pictures: ClassVar[bool] = True

    def check(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigurationError that names the wrong or missing key."""
        required_text(config, "token", "123456:ABC-DEF")
        _chat(config)
        _thread(config)
        base_address(config, API_BASE)

    def deliver(
        self,
        config: Mapping[str, Any],
        secrets: Mapping[str, str],
        message: Outgoing,
        proxy: ProxyAddress | None = None,
    ) -> Receipt:
        """Send as HTML; where Telegram cannot parse it, once more as plain text.

        A group that became a supergroup is followed; the receipt holds its new
        number in ``config_update``.
        """
        token = secrets["token"]
        if not TOKEN.fullmatch(token):
            raise TransportError(
                "'token' is not a bot token; it reads like 123456:ABC-DEF."
                " Copy it again from BotFather.",
                permanent=True,
                disables=True,
            )
        bot = f"{base_address(config, API_BASE)}/bot{token}"
        request = _request(config) | _rich(message)
        with session_open(proxy) as session:
            return _talk(session, bot, request, message)


def _talk(
    session: OutgoingSession, bot: str, request: dict[str, Any], message: Outgoing
) -> Receipt:
    """Ask until Telegram has taken the message or refused what cannot be mended."""
    moved: dict[str, Any] = {}
    # A text is never cut for the sake of a picture.
    fits = utf16(plain_text(message)) <= CAPTION_LENGTH
    picture = message.picture if fits else None
    while True:
        answer = Answer.read(_post(session, bot, request, picture))
        # Each can happen once, so there are four requests at most.
        if picture and answer.refused and answer.migrated_to is None:
            # It may be the picture; without one Telegram says what it is.
            picture = None
        elif answer.parse_error and "parse_mode" in request:
            del request["parse_mode"]
            request["text"] = plain_text(message)
        elif answer.migrated_to is not None and not moved:
            moved = {"chat_id": answer.migrated_to}
            request |= moved
        else:
            return answer.receipt(moved)


def _post(
    session: OutgoingSession,
    bot: str,
    request: Mapping[str, Any],
    picture: bytes | None,
) -> requests.Response:
    if picture is None:
        return session.call("POST", f"{bot}/sendMessage", json=request)
    form = {
        "caption" if name == "text" else name: value
        if isinstance(value, str)
        else json.dumps(value)
        for name, value in request.items()
        if name != "link_preview_options"
    }
    files = {"photo": ("chart.png", picture, "image/png")}
    return session.call("POST", f"{bot}/sendPhoto", data=form, files=files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the Bot API said, reduced to what matters here."""

    ok: bool
    code: int
    description: str
    body: str
    message_id: str = ""
    retry_after: float | None = None
    migrated_to: int | None = None

    @classmethod
    def read(cls, response: requests.Response) -> Answer:
        """Read a response; a body that is not the Bot API's is a temporary error."""
        body = object_of(response)
        if not isinstance(body.get("ok"), bool):
            error = status_error(
                response, "The Bot API", "Check 'api_base' and the proxy."
            )
            raise TransportError(error.message, **(error.facts | {"permanent": False}))
        result = _object(body.get("result"))
        parameters = _object(body.get("parameters"))
        wait = parameters.get("retry_after")
        moved = parameters.get("migrate_to_chat_id")
        return cls(
            ok=body["ok"] and response.status_code == 200,
            code=_code(body.get("error_code"), response.status_code),
            description=str(body.get("description") or "no description"),
            body=words(response),
            message_id=str(result.get("message_id", "")),
            retry_after=float(wait) if isinstance(wait, int | float) else None,
            migrated_to=moved if isinstance(moved, int) else None,
        )

    @property
    def parse_error(self) -> bool:
        """Tell whether Telegram could not read the HTML."""
        return not self.ok and "can't parse entities" in self.description

    @property
    def refused(self) -> bool:
        """Tell whether Telegram did not want what was sent, whoever sent it."""
        return not self.ok and self.code in (400, 403, 413)

    def receipt(self, moved: Mapping[str, Any]) -> Receipt:
        """Return the receipt, or raise what the answer means."""
        if self.ok:
            return Receipt(
                code=self.code,
                detail=f"ok, message {self.message_id}",
                message_id=self.message_id,
                body=self.body,
                config_update=moved or None,
            )
        gone = any(each in self.description.lower() for each in CHAT_GONE)
        raise TransportError(
            f"Telegram answered {self.code}: {self.description}.{self._hint()}",
            permanent=400 <= self.code < 500 and self.code not in TEMPORARY,
            disables=gone or self.code in (401, 403, 404),
            code=self.code,
            retry_after=self.retry_after,
            body=self.body,
        )

    def _hint(self) -> str:
        if self.migrated_to is not None:
            return (
                f" The group became a supergroup: set 'chat_id' to {self.migrated_to}."
            )
        if self.code in (401, 404):
            return " Check 'token'."
        if self.code in (400, 403):
            return " Check 'chat_id', and that the bot may write there."
        return ""


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _code(told: object, status: int) -> int:
    return told if isinstance(told, int) and 100 <= told < 1000 else status


def _chat(config: Mapping[str, Any]) -> str | int:
    chat = config.get("chat_id")
    if isinstance(chat, int) and not isinstance(chat, bool):
        return chat
    return required_text(config, "chat_id", "-1001234567890")


def _thread(config: Mapping[str, Any]) -> int | None:
    if config.get("thread_id") in (None, ""):
        return None
    return int(bounded_number(config, "thread_id", 0, (1, 2**53)))


def _request(config: Mapping[str, Any]) -> dict[str, Any]:
    thread = _thread(config)
    return {
        "chat_id": _chat(config),
        "link_preview_options": {"is_disabled": True},
        "disable_notification": bool(config.get("silent")),
    } | ({"message_thread_id": thread} if thread else {})


def _rich(message: Outgoing) -> dict[str, Any]:
    return {"text": html_text(message), "parse_mode": "HTML"}


def html_text(message: Outgoing) -> str:
    """Return the message as Telegram's HTML, within its limit of 4,096 characters.

    The limit counts what is read after the tags are parsed, so texts are cut
    before they are escaped.
    """
    body = _body(message)
    return (
        f"<b>{escape(message.head, quote=False)}</b>\n{escape(body, quote=False)}"
    ).rstrip()


def plain_text(message: Outgoing) -> str:
    """Return the message as plain text, within Telegram's limit."""
    return f"{message.head}\n{_body(message)}".rstrip()


def _body(message: Outgoing) -> str:
    return cut(message.body, TEXT_LENGTH - utf16(message.head) - 1, utf16)

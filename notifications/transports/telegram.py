"""Telegram's Bot API. Configuration: token (secret), chat_id, api_base, silent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

from btc_watcher.lib.errors import ConfigurationError, TransportError
from btc_watcher.lib.outgoing import OutgoingSession
from notifications.transports.base import Outgoing, Receipt, Transport, required_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

API_BASE: Final = "https://api.telegram.org"
TOKEN: Final = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
TEXT_LENGTH: Final = 4096
# Telegram asks for patience with 429 and has its own bad moments with 5xx; every
# other refusal is about the bot, the chat or the text and will not change.
TEMPORARY: Final = (408, 409, 420, 429)


class TelegramTransport(Transport):
    """Sends with sendMessage; only a body whose ``ok`` is true is a receipt."""

    type: ClassVar[str] = "telegram"
    secret_fields: ClassVar[tuple[str, ...]] = ("token",)

    def check(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigurationError that names the wrong or missing key."""
        required_text(config, "token", "123456:ABC-DEF")
        _chat(config)
        base = config.get("api_base", API_BASE)
        parts = urlsplit(base) if isinstance(base, str) else urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                f"'api_base' is {base!r}; use an address such as {API_BASE!r}."
            )

    def deliver(
        self, config: Mapping[str, Any], secrets: Mapping[str, str], message: Outgoing
    ) -> Receipt:
        """Send as HTML; where Telegram cannot parse it, once more as plain text."""
        token = secrets["token"]
        if not TOKEN.fullmatch(token):
            raise TransportError(
                "'token' is not a bot token; it reads like 123456:ABC-DEF."
                " Copy it again from BotFather.",
                permanent=True,
            )
        base = str(config.get("api_base", API_BASE)).rstrip("/")
        request = {
            "chat_id": _chat(config),
            "link_preview_options": {"is_disabled": True},
            "disable_notification": bool(config.get("silent")),
        }
        rich = {"text": html_text(message), "parse_mode": "HTML"}
        plain = {"text": plain_text(message)}
        with OutgoingSession() as session:
            url = f"{base}/bot{token}/sendMessage"
            answer = Answer.read(session.call("POST", url, json=request | rich))
            if answer.parse_error:
                answer = Answer.read(session.call("POST", url, json=request | plain))
        return answer.receipt()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the Bot API said, reduced to what matters here."""

    ok: bool
    code: int
    description: str
    message_id: str = ""
    retry_after: float | None = None
    migrated_to: int | None = None

    @classmethod
    def read(cls, response: requests.Response) -> Answer:
        """Read a response; a body that is not the Bot API's is a temporary error."""
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or not isinstance(body.get("ok"), bool):
            raise TransportError(
                f"{urlsplit(response.url).hostname} answered {response.status_code} with"
                " a body that is not of the Bot API. Check 'api_base' and the proxy.",
                code=response.status_code,
            )
        result, parameters = body.get("result"), body.get("parameters")
        result = result if isinstance(result, dict) else {}
        parameters = parameters if isinstance(parameters, dict) else {}
        wait, moved = (
            parameters.get("retry_after"),
            parameters.get("migrate_to_chat_id"),
        )
        return cls(
            ok=body["ok"] and response.status_code == 200,
            code=_code(body.get("error_code"), response.status_code),
            description=str(body.get("description") or "no description"),
            message_id=str(result.get("message_id", "")),
            retry_after=float(wait) if isinstance(wait, int | float) else None,
            migrated_to=moved if isinstance(moved, int) else None,
        )

    @property
    def parse_error(self) -> bool:
        """Tell whether Telegram could not read the HTML."""
        return not self.ok and "can't parse entities" in self.description

    def receipt(self) -> Receipt:
        """Return the receipt, or raise what the answer means."""
        if self.ok:
            return Receipt(
                code=self.code,
                detail=f"ok, message {self.message_id}",
                message_id=self.message_id,
            )
        hint = ""
        if self.migrated_to is not None:
            hint = (
                f" The group became a supergroup: set 'chat_id' to {self.migrated_to}."
            )
        elif self.code in (401, 404):
            hint = " Check 'token'."
        elif self.code in (400, 403):
            hint = " Check 'chat_id', and that the bot may write there."
        raise TransportError(
            f"Telegram answered {self.code}: {self.description}.{hint}",
            permanent=400 <= self.code < 500 and self.code not in TEMPORARY,
            code=self.code,
            retry_after=self.retry_after,
        )


def _code(told: object, status: int) -> int:
    return told if isinstance(told, int) and 100 <= told < 1000 else status


def _chat(config: Mapping[str, Any]) -> str | int:
    chat = config.get("chat_id")
    if isinstance(chat, int) and not isinstance(chat, bool):
        return chat
    return required_text(config, "chat_id", "-1001234567890")


def html_text(message: Outgoing) -> str:
    """Return the message as Telegram's HTML, within its limit of 4,096 characters.

    The limit counts what is read after the tags are parsed, so texts are cut
    before they are escaped.
    """
    head = f"[{message.priority}] {message.title}"
    body = _cut(message.body, TEXT_LENGTH - _length(head) - 1)
    return f"<b>{escape(head, quote=False)}</b>\n{escape(body, quote=False)}".rstrip()


def plain_text(message: Outgoing) -> str:
    """Return the message as plain text, within Telegram's limit."""
    head = f"[{message.priority}] {message.title}"
    return f"{head}\n{_cut(message.body, TEXT_LENGTH - _length(head) - 1)}".rstrip()


def _length(text: str) -> int:
    # Telegram counts UTF-16 code units.
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, length: int) -> str:
    if _length(text) <= length:
        return text
    kept = text.encode("utf-16-le")[: 2 * (length - 1)].decode("utf-16-le", "ignore")
    return f"{kept}…"

"""WeCom. Configuration: mode (robot, app), for a robot url (secret); for an app corpid,
secret (secret), agentid, to, format (text, markdown), api_base."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.errors import TransportError
from notifications.transports.answers import (
    object_of,
    session_open,
    status_error,
    words,
)
from notifications.transports.base import Field, Outgoing, Receipt, Transport
from notifications.transports.reading import (
    base_address,
    bounded_number,
    listed,
    one_of,
    required_text,
    secret_address,
)
from notifications.transports.secrets import MASK
from notifications.transports.texts import cut, utf8
from notifications.transports.wecom_token import Credentials, token_forget, token_get

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from btc_watcher.lib.outgoing import OutgoingSession
    from btc_watcher.lib.sockets import ProxyAddress

API_BASE: Final = "https://qyapi.weixin.qq.com"
EXAMPLE: Final = f"{API_BASE}/cgi-bin/webhook/send?key=…"
MODES: Final = ("robot", "app")
FORMATS: Final = ("text", "markdown")
# Bytes of UTF-8.
ROBOT_SIZE: Final = 4096
APP_SIZE: Final = 2048
COLOURS: Final = {"P0": "warning", "P1": "info", "P2": "comment"}
# WeCom's own guard against repeats, in seconds.
REPEATS_FOUND: Final = 1800
BUSY: Final = (45009, 45033)
BUSY_WAIT: Final = 60.0
TOKEN_OLD: Final = (40014, 41001, 42001)
# Code: what to do, and whether every later message would fail as well.
CURES: Final = {
    40001: ("Check 'secret'.", True),
    40003: ("Check 'to'.", True),
    40008: ("WeCom does not know this kind of message.", False),
    40013: ("Check 'corpid'.", True),
    40056: ("Check 'agentid'.", True),
    40058: ("WeCom could not read the request.", False),
    44004: ("The text is empty.", False),
    45002: ("The text is too long.", False),
    48002: ("The application may not send messages.", True),
    60011: ("The application may not write to these members.", True),
    60020: ("Add this machine's address to the application's trusted addresses.", True),
    81013: ("Check 'to': WeCom knows none of these members.", True),
    93000: ("The robot is gone. Copy its address again into 'url'.", True),
    93008: ("The robot is not in the group any more.", True),
    301002: ("Check 'agentid' and 'secret': they are of different applications.", True),
}
MARKS: Final = re.compile(r"\*(?=\*)|\](?=\()|<(?=[/@A-Za-z!])|`|_(?=_)|~(?=~)")
LINE_MARKS: Final = re.compile(r"^(?=\s*(?:[#>]|[-*+] |\d+\. ))", re.MULTILINE)
APP: Final = ("mode", ("app",))
ROBOT: Final = ("mode", ("robot",))


class WeChatTransport(Transport):
    """Sends to a group's robot or as an application; ``errcode`` 0 is a receipt.

    WeCom drops what is above its limits without a word, so ours are below them.
    """

    type: ClassVar[str] = "wechat"
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="mode",
            label=_("Way"),
            required=True,
            default="robot",
            choices=(("robot", _("Group robot")), ("app", _("Application"))),
        ),
        Field(
            name="url",
            label=_("Robot's address"),
            help=_("The whole webhook address from the group's settings."),
            secret=True,
            address=True,
            required=True,
            only=ROBOT,
        ),
        Field(name="corpid", label=_("Company ID"), required=True, only=APP),
        Field(
            name="secret",
            label=_("Application secret"),
            secret=True,
            required=True,
            only=APP,
        ),
        Field(
            name="agentid",
            label=_("Application number"),
            help=_("AgentId on the application's page."),
            kind="number",
            required=True,
            only=APP,
        ),
        Field(
            name="to",
            label=_("Members"),
            help=_("Their account names in WeCom, one a line; @all for everybody."),
            kind="list",
            required=True,
            only=APP,
        ),
        Field(
            name="format",
            label=_("Format"),
            help=_("Markdown is shown by WeCom only; text also by WeChat."),
            default="text",
            choices=(("text", _("Text")), ("markdown", "Markdown")),
            only=APP,
        ),
        Field(
            name="api_base",
            destination=True,
            label=_("API address"),
            help=_("Only for a private installation of WeCom."),
            default=API_BASE,
            only=APP,
        ),
    )
    # Documented: a robot 20 a minute; an application to a member 30 and 1,000 an hour.
    default_limits: ClassVar[Mapping[str, int]] = {"minute": 18, "hour": 900}

    def check(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigurationError that names the wrong or missing key."""
        if _mode(config) == "robot":
            required_text(config, "url", EXAMPLE)
        else:
            App.read(config)

    def is_idempotent(self, config: Mapping[str, Any]) -> bool:
        """Tell that an application's messages are compared for half an hour."""
        return _mode(config) == "app"

    def deliver(
        self,
        config: Mapping[str, Any],
        secrets: Mapping[str, str],
        message: Outgoing,
        proxy: ProxyAddress | None = None,
    ) -> Receipt:
        """Send to the robot or as the application."""
        with session_open(proxy) as session:
            if _mode(config) == "robot":
                content = markdown(message, ROBOT_SIZE)
                request = {"msgtype": "markdown", "markdown": {"content": content}}
                url = secret_address(secrets)
                return Answer.read(session.call("POST", url, json=request)).receipt()
            app = App.read(config)
            return app.send(session, secrets["secret"], message)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The configuration of an application after its check."""

    corpid: str
    agentid: int
    recipients: tuple[str, ...]
    format: str
    base: str

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> App:
        """Read a channel's configuration; ConfigurationError names the key."""
        required_text(config, "secret", "the application's secret")
        return cls(
            corpid=required_text(config, "corpid", "ww0123456789abcdef"),
            agentid=int(bounded_number(config, "agentid", 0, (1, 2**31))),
            recipients=listed(config, "to", str(_("members, or to '@all'"))),
            format=one_of(config, "format", FORMATS, "text"),
            base=base_address(config, API_BASE),
        )

    def send(self, session: OutgoingSession, secret: str, message: Outgoing) -> Receipt:
        """Send with the token at hand; where WeCom calls it old, with a new one."""
        keys = Credentials(self.base, self.corpid, secret)
        request = self._request(message)
        answer = self._ask(session, keys, request)
        if answer.code in TOKEN_OLD:
            token_forget(keys)
            answer = self._ask(session, keys, request)
        return answer.receipt()

    def _ask(
        self, session: OutgoingSession, keys: Credentials, request: Mapping[str, Any]
    ) -> Answer:
        token = token_get(keys, lambda: self._token(session, keys))
        url = f"{self.base}/cgi-bin/message/send"
        return Answer.read(
            session.call("POST", url, params={"access_token": token}, json=request),
            hidden=token,
        )

    def _token(self, session: OutgoingSession, keys: Credentials) -> tuple[str, float]:
        login = {"corpid": keys.corpid, "corpsecret": keys.secret}
        url = f"{self.base}/cgi-bin/gettoken"
        try:
            answer = Answer.read(session.call("GET", url, params=login))
        except TransportError as error:
            # A broken answer may hold the token, and no message is out yet.
            facts = error.facts | {"unknown": False, "body": ""}
            raise TransportError(error.message, **facts) from None
        answer.receipt()
        token = answer.fields.get("access_token")
        seconds = answer.fields.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(seconds, int):
            raise TransportError("WeCom answered errcode 0 without an access token.")
        return token, seconds

    def _request(self, message: Outgoing) -> dict[str, Any]:
        # WeCom drops what says the same as a message before, unless it is a repeat.
        number = f"\n#{message.id}"
        room = APP_SIZE - utf8(number)
        text = (
            markdown(message, room)
            if self.format == "markdown"
            else cut(f"{message.head}\n{message.body}".rstrip(), room, utf8)
        )
        return {
            "touser": "|".join(message.left or self.recipients),
            "msgtype": self.format,
            "agentid": self.agentid,
            self.format: {"content": text + number},
            "enable_duplicate_check": 1,
            "duplicate_check_interval": REPEATS_FOUND,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What WeCom said, reduced to what matters here."""

    code: int
    fields: Mapping[str, Any]
    status: int
    body: str

    @classmethod
    def read(cls, response: requests.Response, *, hidden: str = "") -> Answer:
        """Read a response; ``hidden`` is kept out of what is shown of it."""
        fields = object_of(response)
        code = fields.get("errcode")
        body = words(response)
        body = body.replace(hidden, MASK) if hidden else body
        if not isinstance(code, int) or isinstance(code, bool):
            error = status_error(response, "WeCom", "Check the address and the proxy.")
            facts = error.facts
            facts["body"] = body
            raise TransportError(error.message, **facts)
        return cls(code=code, fields=fields, status=response.status_code, body=body)

    def receipt(self) -> Receipt:
        """Return the receipt, or raise what the answer means."""
        told = str(self.fields.get("errmsg") or "no words")
        if self.code == 0 and self.status == 200:
            return Receipt(
                code=0,
                detail=f"errcode 0, {told}",
                message_id=str(self.fields.get("msgid", "")),
                body=self.body,
                refused=dict(self._refused()),
            )
        busy = self.code in BUSY or self.status == 429
        cure, disables = CURES.get(self.code, ("", False))
        raise TransportError(
            f"WeCom answered errcode {self.code}: {told}. {cure}".strip(),
            permanent=self.code in CURES,
            disables=disables,
            code=self.code or self.status,
            retry_after=BUSY_WAIT if busy else None,
            body=self.body,
        )

    def _refused(self) -> list[tuple[str, str]]:
        reasons = {
            "invaliduser": "WeCom does not know this member.",
            "unlicenseduser": "This member has no licence for the interface.",
        }
        return [
            (name, why)
            for key, why in reasons.items()
            for name in str(self.fields.get(key) or "").split("|")
            if name
        ]


def _mode(config: Mapping[str, Any]) -> str:
    return one_of(config, "mode", MODES, "robot")


def markdown(message: Outgoing, size: int) -> str:
    """Return the message as WeCom's markdown within ``size`` bytes."""
    colour = COLOURS.get(message.priority, "comment")
    head = (
        f'<font color="{colour}">[{message.priority}]</font> **{plain(message.title)}**'
    )
    room = size - utf8(head) - 1
    return f"{head}\n{cut(plain(message.body), room, utf8)}".rstrip()


def plain(text: str) -> str:
    """Return ``text`` so that WeCom's markdown shows every letter of it.

    Its markdown knows no escape, so a space without width parts what would be read
    as markup: ``**``, ``](``, a tag, a back quote, and marks at the start of a line.
    """
    text = MARKS.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", text)
    return LINE_MARKS.sub("\u200b", text)

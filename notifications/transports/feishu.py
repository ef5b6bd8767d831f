"""Feishu's (Lark's) group robot. Configuration: url (secret), secret (secret, optional)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.errors import TransportError
from notifications.transports.answers import (
    PASSING,
    object_of,
    session_open,
    status_error,
    wait_of,
    words,
)
from notifications.transports.base import Field, Outgoing, Receipt, Transport
from notifications.transports.reading import required_text, secret_address
from notifications.transports.texts import cut, json_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from btc_watcher.lib.sockets import ProxyAddress

EXAMPLE: Final = "https://open.feishu.cn/open-apis/bot/v2/hook/…"
# A request may have 20 KB; what is not the texts takes less than 1 KB.
TEXTS_SIZE: Final = 19_000
COLOURS: Final = {"P0": "red", "P1": "orange", "P2": "blue"}
BUSY: Final = 11232
BUSY_WAIT: Final = 10.0
# Code: what to do, and whether every later message would fail as well.
CURES: Final = {
    9499: ("Feishu could not read the request; it may be too long.", False),
    19001: ("Copy the robot's address again into 'url'.", True),
    19002: ("Feishu could not read the request.", False),
    19007: ("The robot is switched off. Switch it on in the group's settings.", True),
    19021: ("Check 'secret', and that this machine's clock is right.", True),
    19022: ("Add this machine's address to the robot's list of addresses.", True),
    19024: ("Put the robot's keyword into the channel's templates.", False),
}


class FeishuTransport(Transport):
    """Sends an interactive card; only a body whose ``code`` is 0 is a receipt."""

    type: ClassVar[str] = "feishu"
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="url",
            label=_("Robot's address"),
            help=_(
                "The whole webhook address from the group's settings. A group robot"
                " cannot show chart pictures."
            ),
            secret=True,
            address=True,
            required=True,
        ),
        Field(
            name="secret",
            label=_("Signing secret"),
            help=_("Needed where the robot checks signatures."),
            secret=True,
        ),
    )
    # Documented: 100 a minute and 5 a second to a robot.
    default_limits: ClassVar[Mapping[str, int]] = {"second": 4, "minute": 90}

    def check(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigurationError that names the wrong or missing key."""
        required_text(config, "url", EXAMPLE)

    def deliver(
        self,
        config: Mapping[str, Any],
        secrets: Mapping[str, str],
        message: Outgoing,
        proxy: ProxyAddress | None = None,
    ) -> Receipt:
        """Send one card."""
        del config
        url = secret_address(secrets)
        request = {"msg_type": "interactive", "card": card(message)}
        if secret := secrets.get("secret"):
            timestamp = int(timezone.now().timestamp())
            request |= {
                "timestamp": str(timestamp),
                "sign": signature(timestamp, secret),
            }
        # Not escaped to ASCII, which would double the size of Chinese texts.
        data = json.dumps(request, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        with session_open(proxy) as session:
            return _receipt(session.call("POST", url, data=data, headers=headers))


def signature(timestamp: int, secret: str) -> str:
    """Return the signature: the text is the key, and what is signed is empty."""
    key = f"{timestamp}\n{secret}".encode()
    return base64.b64encode(hmac.digest(key, b"", hashlib.sha256)).decode()


def card(message: Outgoing) -> dict[str, Any]:
    """Return the card: its head coloured by priority, both texts as plain text.

    Feishu makes no links of plain text, so the message's link is a button.
    """
    link = _link(message)
    body = _without_line(message.body, link)
    body = cut(body, TEXTS_SIZE - json_size(message.head + link), json_size)
    text = {"tag": "plain_text", "content": body or message.title}
    elements: list[dict[str, Any]] = [{"tag": "div", "text": text}]
    if link:
        elements.append({"tag": "action", "actions": [_button(link)]})
    return {
        "config": {"wide_screen_mode": True},
        "header": {
            "template": COLOURS.get(message.priority, "grey"),
            "title": {"tag": "plain_text", "content": message.head},
        },
        "elements": elements,
    }


def _link(message: Outgoing) -> str:
    url = message.context.get("url")
    is_address = isinstance(url, str) and url.startswith(("https://", "http://"))
    return str(url) if is_address else ""


def _without_line(body: str, line: str) -> str:
    """Return ``body`` without the lines that are ``line`` and nothing else."""
    if not line:
        return body
    lines = (each for each in body.splitlines() if each.strip() != line)
    return "\n".join(lines).strip()


def _button(link: str) -> dict[str, Any]:
    return {
        "tag": "button",
        "text": {"tag": "plain_text", "content": gettext("Open in BTC Watcher")},
        "url": link,
        "type": "default",
    }


def _receipt(response: requests.Response) -> Receipt:
    body = object_of(response)
    code = body.get("code")
    if not isinstance(code, int) or isinstance(code, bool):
        raise status_error(response, "Feishu", "Check 'url' and the proxy.")
    if code == 0 and response.ok:
        return Receipt(
            code=0, detail=f"code 0, {body.get('msg')}", body=words(response)
        )
    wait = wait_of(response)
    if code == BUSY or response.status_code == 429:
        wait = BUSY_WAIT if wait is None and code == BUSY else wait
        cure, permanent, disables = "It asks to be slower.", False, False
    else:
        cure, disables = CURES.get(code, ("", False))
        refused = (
            response.status_code in range(400, 500)
            and response.status_code not in PASSING
        )
        permanent = code in CURES or refused
    raise TransportError(
        f"Feishu answered code {code}: {body.get('msg') or 'no words'}. {cure}".strip(),
        permanent=permanent,
        disables=disables,
        code=code or response.status_code,
        retry_after=wait,
        body=words(response),
    )

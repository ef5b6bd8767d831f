"""The transports by channel type. A new one adds a module, a line here and a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from btc_watcher.lib.errors import TransportError
from notifications.transports.apprise import AppriseTransport
from notifications.transports.email import EmailTransport
from notifications.transports.feishu import FeishuTransport
from notifications.transports.sms import SmsTransport
from notifications.transports.telegram import TelegramTransport
from notifications.transports.webhook import WebhookTransport
from notifications.transports.wechat import WeChatTransport

if TYPE_CHECKING:
    from notifications.transports.base import Transport

TRANSPORTS: Final[dict[str, Transport]] = {
    transport.type: transport
    for transport in (
        TelegramTransport(),
        FeishuTransport(),
        WeChatTransport(),
        EmailTransport(),
        SmsTransport(),
        WebhookTransport(),
        AppriseTransport(),
    )
}
SECRET_FIELDS: Final = tuple(
    sorted({field for each in TRANSPORTS.values() for field in each.secret_fields})
)


def transport_of(channel_type: str) -> Transport:
    """Return the transport of a channel type; permanent TransportError without one."""
    try:
        return TRANSPORTS[channel_type]
    except KeyError:
        raise TransportError(
            f"No transport delivers channels of type {channel_type!r}."
            f" Use one of {', '.join(sorted(TRANSPORTS))}.",
            permanent=True,
        ) from None

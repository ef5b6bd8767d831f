"""What people are told about a signal. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from notifications.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

ARROWS = {"BUY": "▲", "SELL": "▼", "HOLD": "■"}


def signal_message(identifier: UUID, event: Mapping[str, Any]) -> Message:
    """Return the message about one stored signal (its feed event's ``signal``)."""
    title = (
        f"{ARROWS[event['signal_type']]} {event['signal_type']} {event['pair']}"
        f" {event['timeframe']} · {event['strength_level']} {event['strength_raw']:g}"
    )
    metadata = event["metadata"]
    lines = [
        _("Price: %(price)s") % {"price": event["price"]},
        _("Candle closed: %(time)s") % {"time": event["timestamp"]},
        _("Strategy: %(name)s %(version)s")
        % {"name": event["strategy_name"], "version": event["strategy_version"] or ""},
        _("Exchange: %(exchange)s") % {"exchange": event["exchange"]},
        _("Mark: %(mark)s") % {"mark": metadata["mark"]},
    ]
    if metadata.get("tag"):
        lines.append(_("Tag: %(tag)s") % {"tag": metadata["tag"]})
    if metadata["strength_source"] == "default":
        lines.append(_("The strategy gave no strength; its default was used."))
    lines.extend(
        f"{name}: {value}" for name, value in list(event["indicators"].items())[:8]
    )
    return Message(
        message_type="signal",
        priority=event["priority"],
        title=title,
        body="\n".join(lines),
        signal_id=identifier,
        context=event,
    )

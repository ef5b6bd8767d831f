"""What people are told about a signal. Pure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from notifications.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INDICATORS_TOLD: Final = 8
CONTEXT: Final = (
    "timestamp",
    "strategy_id",
    "strategy_name",
    "pair",
    "exchange",
    "timeframe",
    "signal_type",
    "strength_raw",
    "strength_level",
    "price",
)
ARROWS: Final = {"BUY": "▲", "SELL": "▼", "HOLD": "■"}


def signal_messages(events: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Return the messages about stored signals, each as its feed event shows it."""
    # Translated once: a candle close is thousands of messages.
    words = {
        "price": _("Price"),
        "timestamp": _("Candle closed"),
        "strategy_name": _("Strategy"),
        "exchange": _("Exchange"),
        "mark": _("Mark"),
        "tag": _("Tag"),
        "guessed": _("The strategy gave no strength; its default was used."),
    }
    return [_message(event, words) for event in events]


def _message(event: Mapping[str, Any], words: Mapping[str, str]) -> Message:
    metadata = event["metadata"]
    lines = [
        f"{words['price']}: {event['price']}",
        f"{words['timestamp']}: {event['timestamp']}",
        f"{words['strategy_name']}: {event['strategy_name']}"
        f" {event['strategy_version'] or ''}",
        f"{words['exchange']}: {event['exchange']}",
        f"{words['mark']}: {metadata['mark']}",
    ]
    if "tag" in metadata:
        lines.append(f"{words['tag']}: {metadata['tag']}")
    if metadata["strength_source"] == "default":
        lines.append(words["guessed"])
    lines += [
        f"{name}: {value:.6g}" if isinstance(value, float) else f"{name}: {value}"
        for name, value in islice(event["indicators"].items(), INDICATORS_TOLD)
    ]
    return Message(
        message_type="signal",
        priority=event["priority"],
        title=(
            f"{ARROWS[event['signal_type']]} {event['signal_type']} {event['pair']}"
            f" {event['timeframe']} · {event['strength_level']}"
            f" {event['strength_raw']:g}"
        ),
        body="\n".join(lines),
        signal_id=UUID(event["id"]),
        # The signal itself is found by its id; these are what a digest groups by.
        context={key: event[key] for key in CONTEXT},
    )

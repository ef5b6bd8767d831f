"""What is handed over about a signal, to be told in every channel's own words. Pure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from notifications.messages import Message
from signals_app.grading import StrengthRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

INDICATORS_TOLD: Final = 8
TEXT_TOLD: Final = 200
STRENGTH_COLUMN: Final = StrengthRule().column
# Keys of the context, and of the feed event that they come from.
CONTEXT: Final = {
    "strategy_id": "strategy_id",
    "strategy": "strategy_name",
    "version": "strategy_version",
    "exchange": "exchange",
    "pair": "pair",
    "timeframe": "timeframe",
    "signal_type": "signal_type",
    "strength": "strength_raw",
    "level": "strength_level",
    "price": "price",
    "candle_close": "timestamp",
}
ARROWS: Final = {"BUY": "▲", "SELL": "▼", "HOLD": "■"}


def signal_messages(
    events: Sequence[Mapping[str, Any]], identifiers: Sequence[UUID] | None = None
) -> list[Message]:
    """Return the messages about stored signals, each as its feed event shows it.

    ``identifiers`` are the events' own, for whoever has them already.

    The title is for lists; what people read is made of the context when it is sent,
    in their own language and zone.
    """
    pages = settings.PUBLIC_URL and f"{settings.PUBLIC_URL}{_path_of_signals()}"
    if identifiers is None:
        identifiers = [UUID(event["id"]) for event in events]
    return [
        _message(event, identifier, pages)
        for event, identifier in zip(events, identifiers, strict=True)
    ]


def _path_of_signals() -> str:
    """Return what a signal's path begins with; found once for thousands of them."""
    some = UUID(int=0)
    return reverse("signals_app:detail", args=[some]).replace(f"{some}/", "")


def _message(event: Mapping[str, Any], identifier: UUID, pages: str) -> Message:
    return Message(
        message_type="signal",
        priority=event["priority"],
        title=(
            f"{ARROWS[event['signal_type']]} {event['signal_type']} {event['pair']}"
            f" {event['timeframe']} · {event['strength_level']}"
            f" {event['strength_raw']:g}"
        ),
        body="",
        signal_id=identifier,
        context=_context(event, pages),
    )


def _context(event: Mapping[str, Any], pages: str) -> dict[str, Any]:
    metadata = event["metadata"]
    context = {name: event[key] for name, key in CONTEXT.items()}
    context["mark"] = metadata["mark"]
    if "tag" in metadata:
        context["tag"] = metadata["tag"]
    if metadata["strength_source"] == "default":
        context["guessed"] = True
    context["indicators"] = {
        name: value[:TEXT_TOLD] if isinstance(value, str) else value
        for name, value in islice(_unsaid(event), INDICATORS_TOLD)
    }
    if pages:
        context["url"] = f"{pages}{event['id']}/"
    return context


def _unsaid(event: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the indicators, without the column that the strength was taken from."""
    said = event["metadata"]["strength_source"] == "column"
    for name, value in event["indicators"].items():
        if not (said and name == STRENGTH_COLUMN):
            yield name, value

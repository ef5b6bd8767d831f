"""What templates can say about a message: plain values, and words for people. Pure."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from notifications.messages import Message

KINDS: Final = ("signal", "alert", "system", "digest")
ARROWS: Final = {"BUY": "▲", "SELL": "▼", "HOLD": "■"}
DIRECTIONS: Final = {
    "BUY": gettext_noop("buy"),
    "SELL": gettext_noop("sell"),
    "HOLD": gettext_noop("hold"),
}
LEVELS: Final = {
    "strong": gettext_noop("strong"),
    "medium": gettext_noop("medium"),
    "weak": gettext_noop("weak"),
}
# Keys of the context that earlier versions wrote, and what they are called now.
EARLIER: Final = {
    "strategy_name": "strategy",
    "strategy_version": "version",
    "strength_raw": "strength",
    "strength_level": "level",
    "timestamp": "candle_close",
}
# Without these a message of the type signal is told in its own words.
SIGNAL_NEEDS: Final = ("signal_type", "pair", "price")
MOST_ITEMS: Final = 100
LONGEST_TEXT: Final = 20_000
DEEPEST: Final = 4

# The values of each kind, by what they mean; forms show them beside the templates.
COMMON: Final = {
    "title": gettext_noop("The title as the default template writes it."),
    "body": gettext_noop("The text as the default template writes it."),
    "priority": gettext_noop("P0, P1 or P2."),
    "message_type": gettext_noop("signal, alert or system."),
    "language": gettext_noop("The receiver's language: zh-hans or en."),
    "zone": gettext_noop("The receiver's time zone."),
    "url": gettext_noop("The link to it; empty without BTCW_PUBLIC_URL."),
}
OF_KIND: Final = {
    "signal": {
        "direction": gettext_noop("buy, sell or hold, in the receiver's language."),
        "arrow": "▲ ▼ ■",
        "signal_type": "BUY, SELL, HOLD",
        "pair": "BTC/USDT",
        "exchange": gettext_noop("The exchange."),
        "timeframe": "5m",
        "price": gettext_noop("The price at the close of the candle."),
        "strength": gettext_noop("0 to 100."),
        "level": "strong, medium, weak",
        "level_word": gettext_noop("The same in the receiver's language."),
        "strategy": gettext_noop("The strategy's name."),
        "strategy_id": gettext_noop("The strategy's number."),
        "version": gettext_noop("The strategy's version."),
        "candle_close": gettext_noop(
            "When the candle closed, as ISO 8601; write it with |date."
        ),
        "closed": gettext_noop("The same with the receiver's zone, ready to read."),
        "indicators": gettext_noop("Names and values: {{ indicators.rsi }}."),
        "mark": gettext_noop("The strategy's mark, such as enter_long."),
        "tag": gettext_noop("The tag that the strategy gave, if any."),
        "guessed": gettext_noop("True when the strategy gave no strength."),
    },
    "alert": {
        "alert": gettext_noop("What is wrong, such as exchange:binance."),
        "alert_state": "raised, repeated, resolved",
        "since": gettext_noop("Since when, as ISO 8601; write it with |date."),
        "told_count": gettext_noop("How often it was told before."),
    },
    "system": {},
    "digest": {
        "digest": "digest, catch_up, burst",
        "count": gettext_noop("How many messages it tells of."),
        "counts": gettext_noop("Numbers by kind: {{ counts.pair }}."),
        "rows": gettext_noop("The messages: time, priority, title, pair and more."),
        "more": gettext_noop("How many are not among the rows."),
        "from": gettext_noop("The time of the first message."),
        "to": gettext_noop("The time of the last message."),
    },
}


def kind_of(message: Message) -> str:
    """Return which template a message takes: one of ``KINDS``."""
    return "digest" if "digest" in message.context else message.message_type


def is_told_by_context(message: Message) -> bool:
    """Tell whether the context says everything about a signal."""
    return kind_of(message) == "signal" and all(
        message.context.get(key) is not None for key in SIGNAL_NEEDS
    )


def values_of(message: Message, language: str, zone: ZoneInfo) -> dict[str, Any]:
    """Return the values for templates, with words in the active language."""
    values: dict[str, Any] = plain(message.context)
    for earlier, name in EARLIER.items():
        if earlier in values:
            values.setdefault(name, values[earlier])
    return (
        values
        | {
            "title": message.title,
            "body": message.body,
            "priority": message.priority,
            "message_type": message.message_type,
            "language": language,
            "zone": str(zone),
        }
        | words_of(values, zone)
    )


def words_of(context: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return what the context says in codes, in the active language and ``zone``."""
    words: dict[str, Any] = {}
    signal_type, level = context.get("signal_type"), context.get("level")
    if isinstance(signal_type, str):
        words["arrow"] = ARROWS.get(signal_type, "")
        words["direction"] = _(DIRECTIONS.get(signal_type, signal_type))
    if isinstance(level, str):
        words["level_word"] = _(LEVELS.get(level, level))
    if closed := moment_read(context.get("candle_close")):
        words["closed"] = moment_text(closed, zone)
    return words


def moment_read(text: object) -> datetime | None:
    """Return the moment that ``text`` is (ISO 8601, UTC unless it says otherwise)."""
    try:
        found = parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if found is not None and found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return found


def moment_text(moment: datetime, zone: ZoneInfo) -> str:
    """Return a moment on the clocks of ``zone``, with the zone and its offset.

    The offset tells the two hours apart that clocks show twice.
    """
    local = moment.astimezone(zone)
    clock = f"{local:%Y-%m-%d %H:%M:%S}" if local.second else f"{local:%Y-%m-%d %H:%M}"
    minutes = int((local.utcoffset() or UTC.utcoffset(None)).total_seconds()) // 60
    if str(zone) == "UTC":
        return f"{clock} (UTC)"
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"
    return f"{clock} ({zone}, UTC{sign}{hours}{f':{rest:02}' if rest else ''})"


def plain(value: Any, depth: int = 0) -> Any:
    """Return a copy that holds texts, numbers, lists and objects only, and bounded."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth < DEEPEST and isinstance(value, dict):
        items = list(value.items())[:MOST_ITEMS]
        return {str(name): plain(each, depth + 1) for name, each in items}
    if depth < DEEPEST and isinstance(value, list | tuple):
        return [plain(each, depth + 1) for each in value[:MOST_ITEMS]]
    return "" if isinstance(value, dict | list | tuple) else str(value)[:LONGEST_TEXT]

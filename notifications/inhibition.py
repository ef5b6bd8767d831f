"""A dead proxy or exchange mutes what follows from it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from notifications.messages import Message


def inhibited_by(message: Message, open_keys: Collection[str]) -> str:
    """Return the key of the open alert that explains ``message``, or an empty text.

    An alert ``exchange:binance`` mutes alerts whose context has ``exchange`` =
    ``binance``; ``proxy:3`` those with ``proxy_id``, or else ``proxy``, = 3. An alert never
    mutes itself, and only alerts are muted. A context names its own key as ``alert``.
    """
    if message.message_type != "alert" or not open_keys:
        return ""
    context = message.context
    own = context.get("alert")
    for key in open_keys:
        kind, colon, value = key.partition(":")
        if key == own or not (kind and colon and value):
            continue
        # A strategy may be called "7": where there is a number, it is the one meant.
        if value == _text(context.get(f"{kind}_id", context.get(kind))):
            return key
    return ""


def _text(value: object) -> str | None:
    return None if value is None else str(value)

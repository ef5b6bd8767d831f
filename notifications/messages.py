"""What the rest of the system hands over to be told to people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from btc_watcher.lib.redis_keys import PRIORITIES

if TYPE_CHECKING:
    from uuid import UUID

MESSAGE_TYPES: Final = ("signal", "alert", "system")
TITLE_LENGTH: Final = 200
SEPARATOR: Final = "\n\n"
# Key of the context: title and body by language (see notifications.saying).
WORDS: Final = "words"


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell: a title of one line, a body, and where it comes from.

    ``message_type`` is signal, alert or system; ``priority`` P0 (highest) to P2;
    ``context`` an object of JSON values that is kept beside the notification.
    What PostgreSQL cannot store (NUL, half of a surrogate pair) is taken out of
    the texts. A wrong type or priority, or an empty title, raises ValueError.
    """

    message_type: str
    priority: str
    title: str
    body: str
    signal_id: UUID | None = None
    context: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.message_type not in MESSAGE_TYPES:
            raise ValueError(
                f"Unknown message type {self.message_type!r};"
                f" use one of {', '.join(MESSAGE_TYPES)}."
            )
        if self.priority not in PRIORITIES:
            raise ValueError(
                f"Unknown priority {self.priority!r}; use one of {', '.join(PRIORITIES)}."
            )
        title = " ".join(storable(self.title).split())[:TITLE_LENGTH]
        if not title:
            raise ValueError(
                f"A {self.message_type} message has an empty title; give it one line."
            )
        # The dataclass is frozen for its users, not for its own set-up.
        object.__setattr__(self, "title", title)
        object.__setattr__(self, "body", storable(self.body).strip())

    def said_in(self, language: str) -> Message:
        """Return the message in ``language``, and as it is where it has no such words.

        What is returned has one language only: its context is without the words.
        """
        if WORDS not in self.context:
            return self
        title, body = said(self.context, language, (self.title, self.body))
        return replace(self, title=title, body=body, context=facts_of(self.context))

    @property
    def content(self) -> str:
        """Title and body as one text, which is what the history keeps."""
        return joined(self.title, self.body)

    def metadata(self, queued_at: str) -> str:
        """Return the JSON object that the history keeps; ``queued_at`` is ISO 8601."""
        values = {
            "priority": self.priority,
            "title": self.title,
            "queued_at": queued_at,
            "context": self.context,
        }
        return json_text(values)


def json_text(values: Mapping[str, Any]) -> str:
    """Return ``values`` as JSON that PostgreSQL can store; what has no form is text."""
    try:
        text = orjson.dumps(values, default=str).decode()
    except TypeError:
        text = ""
    # Rare, so the walk through the whole object is made only when needed.
    if not text or "\\u0000" in text:
        text = orjson.dumps(_storable_value(values), default=str).decode()
    return text


def said(
    context: Mapping[str, Any], language: str, otherwise: tuple[str, str]
) -> tuple[str, str]:
    """Return the title and body that ``context`` keeps in ``language``."""
    words = context.get(WORDS)
    found = words.get(language) if isinstance(words, Mapping) else None
    if isinstance(found, Mapping) and str(found.get("title") or "").strip():
        return str(found["title"]), str(found.get("body") or "")
    return otherwise


def facts_of(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a context says besides the words."""
    return {key: value for key, value in context.items() if key != WORDS}


def joined(title: str, body: str) -> str:
    """Return title and body as one text."""
    return f"{title}{SEPARATOR}{body}" if body else title


def source_of(content: str, metadata: Mapping[str, Any]) -> tuple[str, str]:
    """Return title and content of a row as its sender made them.

    From the first attempt on the row itself holds what the channel's template made.
    """
    source = metadata.get("source")
    if not isinstance(source, dict):
        source = {"title": metadata.get("title"), "content": content}
    return str(source.get("title") or content.partition("\n")[0]), str(
        source.get("content") or content
    )


def content_body(content: str, title: str) -> str:
    """Return the body of a stored ``content`` whose title is ``title``."""
    return content.removeprefix(title).removeprefix(SEPARATOR)


def storable(text: str) -> str:
    """Return ``text`` without what PostgreSQL refuses in a text column."""
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    return text.replace("\0", "").encode(errors="replace").decode()


def _storable_value(value: object) -> object:
    match value:
        case str():
            return storable(value)
        case Mapping():
            return {storable(str(k)): _storable_value(v) for k, v in value.items()}
        case list() | tuple():
            return [_storable_value(item) for item in value]
        case int() if not -(2**63) <= value < 2**64:
            return str(value)
        case _:
            return value

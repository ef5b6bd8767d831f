"""What the pages show of a notification: its state in words, and every attempt. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.redis_keys import PRIORITIES
from notifications.messages import Message, content_body
from notifications.models import ChannelType
from notifications.rendering import title_default
from notifications.saying import language_of_reader
from notifications.words import STATES, held_words, state_of, suppressed_words
from proxies.words import way_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from notifications.models import Notification

OUTCOMES: Final = {
    "sent": gettext_lazy("accepted"),
    "retry": gettext_lazy("not accepted, to be tried again"),
    "failed": gettext_lazy("not accepted"),
    "unknown": gettext_lazy("outcome unknown"),
}
# Other rows that a row speaks of: the key in its metadata, and the sentence.
RELATED: Final = {
    "collapsed_into": gettext_lazy("Told in digest"),
    "fallback_of": gettext_lazy("Takes the place of"),
    "fallback_to": gettext_lazy("Its place was taken by"),
    "resend_of": gettext_lazy("Sent again from"),
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when, how it ended, the provider's answer word for word, and the way."""

    at: datetime | None
    outcome: str
    words: str
    code: Any
    detail: str
    body: str
    way: str = ""


@dataclass(frozen=True, slots=True)
class Related:
    """Another notification: why it is named, and its number."""

    words: str
    id: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A row of the history for people; ``state`` is a key of words.STATES."""

    id: int
    at: datetime
    priority: str
    type: str
    title: str
    body: str
    channel: str
    channel_id: int | None
    channel_type: str
    state: str
    state_words: str
    why: str
    until: datetime | None
    answer: str
    problem: bool
    attempts: tuple[Attempt, ...]
    tries: int
    related: tuple[Related, ...]
    members: int
    signal_id: UUID | None
    unknown: bool
    test: bool
    resend_by: str


def shown(row: Notification) -> Shown:
    """Return what the pages show of ``row``, which has its channel."""
    data = row.metadata
    state = state_of(row.status, data)
    attempts = attempts_of(data)
    title, body = _texts(row)
    return Shown(
        id=row.id,
        at=row.sent_at,
        priority=str(data.get("priority", "")),
        type=row.get_message_type_display(),
        title=title,
        body=body,
        channel=row.channel.name if row.channel else _("a channel that is gone"),
        channel_id=row.channel.id if row.channel else None,
        channel_type=type_label(row.channel_type),
        state=state,
        state_words=str(STATES.get(state, state)),
        why=_why(data),
        until=_moment(data.get("next_attempt_at")) if _waits(row.status) else None,
        answer=row.error_message or str(data.get("answer", "")),
        problem=bool(row.error_message) and state != "suppressed",
        attempts=attempts,
        tries=len(attempts) or row.retry_count,
        related=_related(data),
        members=len(_list(data.get("digest_of"))),
        signal_id=row.signal_id,
        unknown=bool(data.get("unknown_outcome")),
        test=bool(data.get("test")),
        resend_by=str(data.get("resend_by", "")),
    )


def attempts_of(data: Mapping[str, Any]) -> tuple[Attempt, ...]:
    """Return the attempts that a row's metadata lists, oldest first."""
    return tuple(
        _attempt(each) for each in _list(data.get("attempts")) if isinstance(each, dict)
    )


def type_label(text: str) -> str:
    """Return what a type of channel is called."""
    return str(ChannelType(text).label) if text in ChannelType.values else text


def members_of(data: Mapping[str, Any]) -> list[int]:
    """Return the numbers of the notifications that a digest tells of."""
    return [each for each in _list(data.get("digest_of")) if isinstance(each, int)]


def _texts(row: Notification) -> tuple[str, str]:
    """Return what was told; of what was not told yet, what its reader would read."""
    data = row.metadata
    title = str(data.get("title") or row.content.partition("\n")[0])
    body = content_body(row.content, title)
    context = data.get("context")
    if "told" in data or "source" in data or not title or not isinstance(context, dict):
        return title, body
    message = Message(
        message_type=row.message_type,
        priority=PRIORITIES[-1],
        title=title,
        body=body,
        context=context,
    )
    language = language_of_reader()
    told = title_default(message, language, timezone.get_current_timezone())
    return told, message.said_in(language).body


def _attempt(data: Mapping[str, Any]) -> Attempt:
    provider = data.get("provider")
    outcome = str(data.get("outcome", ""))
    return Attempt(
        at=_moment(data.get("at")),
        outcome=outcome,
        words=str(OUTCOMES.get(outcome, outcome)),
        code=data.get("code"),
        detail=str(data.get("detail", "")),
        body=str(provider.get("body", "")) if isinstance(provider, dict) else "",
        way=way_words(data.get("way")),
    )


def _why(data: Mapping[str, Any]) -> str:
    if isinstance(held := data.get("held"), dict):
        return held_words(str(held.get("why")))
    if isinstance(suppressed := data.get("suppressed"), dict):
        return suppressed_words(suppressed)
    return ""


def _related(data: Mapping[str, Any]) -> tuple[Related, ...]:
    return tuple(
        Related(str(words), data[key])
        for key, words in RELATED.items()
        if isinstance(data.get(key), int)
    )


def _waits(status: str) -> bool:
    return status in ("pending", "retry")


def _moment(value: object) -> datetime | None:
    return parse_datetime(value) if isinstance(value, str) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []

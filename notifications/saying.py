"""Words that readers of each language are told in their own.

Who tells something hands over a function that says it in the active language. It is
called once for every language that the system speaks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.utils.translation import get_language, override

from notifications.messages import WORDS, Message


class Words(NamedTuple):
    """A title of one line and a body."""

    title: str = ""
    body: str = ""


Speak = Callable[[], Words]
Said = TypeVar("Said")


def words_said(speak: Callable[[], Said]) -> dict[str, Said]:
    """Return what ``speak`` returns in each language, by Django's code."""
    said = {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            said[language] = speak()
    return said


def message_said(
    message_type: str,
    priority: str,
    speak: Speak,
    context: Mapping[str, Any] | None = None,
) -> Message:
    """Return a message that its readers get in their language.

    Its own title and body, for lists and searches, are in the installation's; the
    context keeps every language. Raises ValueError as Message does.
    """
    each = {
        language: Message(message_type, priority, *words, context=dict(context or {}))
        for language, words in words_said(speak).items()
    }
    return message_also(each[settings.LANGUAGE_CODE], each)


def message_also(message: Message, each: Mapping[str, Message]) -> Message:
    """Return ``message`` with the words that ``each`` has by language."""
    words = {
        language: {"title": other.title, "body": other.body}
        for language, other in each.items()
    }
    return replace(message, context=dict(message.context) | {WORDS: words})


def language_of_reader() -> str:
    """Return the language of whoever is looking, or else the installation's."""
    return get_language() or settings.LANGUAGE_CODE

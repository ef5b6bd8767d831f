"""Words that readers of each language are told in their own.

Who tells something hands over a function that says it in the active language. It is
called once for every language that the system speaks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import get_language, override

from notifications.messages import WORDS, Message


class Words(NamedTuple):
    """A title of one line and a body."""

    title: str = ""
    body: str = ""


Speak = Callable[[], Words]


def words_said(speak: Speak) -> dict[str, Words]:
    """Return what ``speak`` says in each language, by Django's code."""
    said = {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            said[language] = speak()
    return said


def message_said(
    message_type: str,
    priority: str,
    said: Mapping[str, Words] | Speak,
    context: Mapping[str, Any] | None = None,
) -> Message:
    """Return a message that its readers get in their language.

    Its own title and body, for lists and searches, are in the installation's; the
    context keeps every language. Raises ValueError as Message does.
    """
    each = {
        language: Message(message_type, priority, words.title, words.body)
        for language, words in (words_said(said) if callable(said) else said).items()
    }
    usual = each[settings.LANGUAGE_CODE]
    stored = {
        language: {"title": message.title, "body": message.body}
        for language, message in each.items()
    }
    return Message(
        message_type,
        priority,
        usual.title,
        usual.body,
        context=dict(context or {}) | {WORDS: stored},
    )


def language_of_reader() -> str:
    """Return the language of whoever is looking, or else the installation's."""
    return get_language() or settings.LANGUAGE_CODE

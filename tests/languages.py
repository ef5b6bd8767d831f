"""Telling whether a text is in one language only, whatever names it holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CHINESE = re.compile(r"[\u3000-\u9fff\uff00-\uffef]+")
ENGLISH = re.compile(r"[A-Za-z]{2,}")
# What both languages write alike.
NAMES = ("UTC", "CST", "freqtrade", "P0", "P1", "P2", "Asia/Shanghai")


def foreign(text: str, language: str, names: Iterable[str] = ()) -> list[str]:
    """Return the words of ``text`` that are in another language than ``language``."""
    for name in sorted((*NAMES, *names), key=len, reverse=True):
        text = text.replace(name, "")
    return (CHINESE if language == "en" else ENGLISH).findall(text)


def words_check(context: Mapping[str, object], *names: str) -> None:
    """Check that a message has words in both languages, each in its own."""
    words = context["words"]
    assert isinstance(words, dict)
    assert set(words) == {"en", "zh-hans"}
    for language, told in words.items():
        assert told["title"]
        text = f"{told['title']}\n{told['body']}"
        assert not foreign(text, language, names), text

"""Finding English sentences again in what was stored, by the texts that are translated."""

from __future__ import annotations

import re
from typing import Final

NUMBER: Final = r"\d+"
WORD: Final = r"\S+"
# What stands for a part of a sentence where nothing else is said.
ANY: Final = r".+"
_PART: Final = re.compile(r"%\((\w+)\)s")

Sentence = tuple[re.Pattern[str], str]


def sentence(text: str, **parts: str) -> Sentence:
    """Return a pattern that finds ``text``, and the text.

    Its parts ``%(name)s`` are found as groups; ``parts`` are their patterns, which are
    ``ANY`` else.
    """
    pieces = _PART.split(text)
    # Texts and names take turns.
    pieces[::2] = [re.escape(piece) for piece in pieces[::2]]
    pieces[1::2] = [f"(?P<{name}>{parts.get(name, ANY)})" for name in pieces[1::2]]
    return re.compile("".join(pieces)), text

"""What JSON may hold that is stored and shown again. Pure."""

from __future__ import annotations

import math
from typing import Any, Final

from django.utils.translation import gettext as _

# No setting of ours is half as deep; a page or a log line would fail on much deeper ones.
DEEPEST: Final = 64


def is_deeper(value: object, most: int = DEEPEST) -> bool:
    """Tell whether lists and objects are nested in more than ``most`` levels."""
    level = _containers([value])
    for _level in range(most):
        if not level:
            return False
        level = _containers(
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
        )
    return bool(level)


def is_text(value: str) -> bool:
    """Tell whether ``value`` can be written as UTF-8: halves of characters cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in value)


def storage_problems(value: object, place: str) -> list[str]:
    """Return why PostgreSQL would refuse to store ``value`` as JSON.

    ``place`` names the setting in the sentence, such as ``config``.
    """
    if is_deeper(value):
        return [_("%(place)s is nested too deeply.") % {"place": place}]
    return _problems(value, place)


def _problems(value: object, place: str) -> list[str]:
    match value:
        case str():
            bad = "\0" in value or not is_text(value)
        case float():
            bad = not math.isfinite(value)
        case dict():
            return [
                problem
                for key, inner in value.items()
                for part in (key, inner)
                for problem in _problems(part, f"{place}.{key}")
            ][:1]
        case list() | tuple():
            return [p for inner in value for p in _problems(inner, place)][:1]
        case _:
            bad = not (value is None or isinstance(value, bool | int))
    if not bad:
        return []
    named = place.replace("\0", "").encode(errors="replace").decode()
    return [
        _(
            "%(place)s holds something that cannot be stored, such as a NUL character"
            " or a number without end; remove it."
        )
        % {"place": named}
    ]


def _containers(values: Any) -> list[Any]:
    return [each for each in values if isinstance(each, dict | list | tuple)]

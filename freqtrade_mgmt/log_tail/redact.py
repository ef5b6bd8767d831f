"""Takes secrets out of lines before anybody sees them. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HIDDEN: Final = "***"
# Shorter values would black out half of a log.
SHORTEST: Final = 6
_NAMES: Final = (
    r"(?:[\w-]{0,40}(?:password|passwd|passphrase|secret|token|api[_-]?key|private[_-]?key"
    r"|signature|listen[_-]?key)|key)"
)
_SECRET_NAME: Final = re.compile(
    rf"{_NAMES}|jwt_secret_key|uid|wallet_?address", re.IGNORECASE
)
_PATTERNS: Final = (
    # user:password@ in an address, of a proxy for example.
    (re.compile(r"(?<=://)[^/\s@'\"]+(?=@)"), HIDDEN),
    # ?token=..., &signature=..., password=...
    (re.compile(rf"\b({_NAMES})=[^&\s'\",;)]+", re.IGNORECASE), rf"\1={HIDDEN}"),
    # "secret": "...", 'password': '...'
    (
        re.compile(rf"(['\"]{_NAMES}['\"]\s*:\s*['\"])[^'\"]+", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(
            r"\b((?:authorization\W{1,4}\w{1,20}|bearer)\s+)[\w.~+/=-]{8,}",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
)


def secrets_of(configuration: Any) -> set[str]:
    """Return the values of a bot's configuration that nobody may read."""
    return {value for value in _walk(configuration) if len(value) >= SHORTEST}


class Redactor:
    """Hides known secrets wherever they stand, and unknown ones by what they look like."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # Longest first: one secret may begin with another.
        known = sorted(set(secrets), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


def _walk(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, name)
    elif isinstance(value, str):
        if _SECRET_NAME.fullmatch(name):
            yield value
        yield from _login_in(value)


def _login_in(value: str) -> Iterator[str]:
    if "://" not in value or "@" not in value:
        return
    try:
        parts = urlsplit(value)
    except ValueError:
        return
    if parts.password:
        yield parts.password

"""Takes secrets out of texts before anybody sees or stores them."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings

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
# A password may hold an @ itself: the last one before the path is what ends it.
_LOGINS: Final = re.compile(r"://[^/\s]+@")
_PATTERNS: Final = (
    # user:password@ in an address, of a proxy for example.
    (re.compile(r"(?<=://)[^/\s'\"]+(?=@)"), HIDDEN),
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
    # Telegram puts its token into the path.
    (re.compile(r"\bbot\d{5,}:[\w-]{20,}"), f"bot{HIDDEN}"),
    # Encrypted at rest is no reason to be copied elsewhere.
    (re.compile(r"\bv1:[\w-]{1,40}:[\w=-]{20,}"), HIDDEN),
    (
        re.compile(
            r"\b(?:pbkdf2_\w{1,20}|argon2\w{0,3}|bcrypt\w{0,10}|md5)\$[^\s'\")]{8,}"
        ),
        HIDDEN,
    ),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), HIDDEN),
    (
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]*(?:-----END[^-]*-----)?"
        ),
        HIDDEN,
    ),
    # ALTER ROLE … PASSWORD '…', as statistics of statements keep it.
    (re.compile(r"(\bPASSWORD\s+)E?'[^']*'", re.IGNORECASE), rf"\1'{HIDDEN}'"),
    # PostgreSQL repeats values of the row that it refuses.
    (re.compile(r"(Failing row contains )\(.*\)"), rf"\1({HIDDEN})"),
    (re.compile(r"(Key \([^)\n]{1,200}\))=\([^\n]*\)(?= )"), rf"\1=({HIDDEN})"),
)
_SETTING: Final = re.compile(r"(?:PASSWORD|SECRET|TOKEN|KEYS?)(?:_FALLBACKS)?")


def secrets_of(configuration: Any) -> set[str]:
    """Return the values of a bot's configuration that nobody may read."""
    return {value for value in _walk(configuration) if len(value) >= SHORTEST}


def is_secret_name(name: str) -> bool:
    """Tell whether what is called so is kept from everybody."""
    return _SECRET_NAME.fullmatch(name) is not None


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


@cache
def own_redactor() -> Redactor:
    """Return the one that also knows this installation's own secrets."""
    return Redactor(settings_secrets())


def without_logins(text: str) -> str:
    """Return ``text`` with user names and passwords taken out of its addresses."""
    return _LOGINS.sub(f"://{HIDDEN}@", text)


def settings_secrets() -> set[str]:
    """Return what the settings keep secret: passwords, keys, logins of addresses."""
    found: set[str] = set()
    for name in dir(settings):
        value = getattr(settings, name) if name.isupper() else None
        if isinstance(value, str) and _SETTING.search(name.rsplit("_", 1)[-1]):
            # A key ring is a list of id:key.
            found |= {value, *(part.partition(":")[2] for part in value.split(","))}
        elif isinstance(value, str):
            found |= set(_login_in(value))
    databases = [*settings.DATABASES.values(), getattr(settings, "BACKUP_DATABASE", {})]
    found |= {str(each.get("PASSWORD") or "") for each in databases}
    # Whoever knows the address can stop the alarm.
    found.add(getattr(settings, "HEARTBEAT_URL", ""))
    written = {quote(each, safe="") for each in found}
    return {each for each in found | written if len(each) >= SHORTEST}


def _walk(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, name)
    elif isinstance(value, str):
        if is_secret_name(name):
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
        yield unquote(parts.password)

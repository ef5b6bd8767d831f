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
# How names of secrets end. Searched for without a beginning, so that a long name costs
# no more than a short one.
_ENDS: Final = (
    r"(?:(?:pass(?:word|wd|phrase|code|[_-]?key)|pwd|secret|token|credential|signature"
    r"|authorization|cookie|csrf|session[_-]?id|_session|mnemonic"
    r"|(?:api|private|secret|access|encryption|signing|session|auth|master|listen)"
    r"[_-]?key)(?:s|_hash|_b64|s?_fallbacks)?|(?<![\w-])key)"
)
_SECRET_NAME: Final = re.compile(rf"[\w.-]*{_ENDS}|uid|wallet_?address", re.IGNORECASE)
# A quote that is escaped when JSON stands in a string, and the mark of bytes before it.
_OPENED: Final = r"[bru]{0,2}(\\*['\"])"
# Of such a quote, or of the line where it has none.
_TO_THE_END: Final = r"[^\n]*?(?:(?<!\\)\2|(?=\n)|\Z)"
# A password may hold an @ itself: the last one before the path is what ends it.
_LOGINS: Final = re.compile(r"://[^/\s]+@")


def _pattern(
    text: str, shown: str = HIDDEN, flags: re.RegexFlag = re.NOFLAG
) -> tuple[re.Pattern[str], str]:
    return re.compile(text, flags), shown


def _named(text: str, shown: str = rf"\1{HIDDEN}") -> tuple[re.Pattern[str], str]:
    return _pattern(text, shown, re.IGNORECASE)


# A text without any of these, in small letters, names no secret.
_HINTS: Final = (
    *("pass", "pwd", "secret", "token", "key", "credential", "signature", "cookie"),
    *("authorization", "csrf", "session", "mnemonic", "bearer"),
)
# Secrets by what they are called.
_NAMED: Final = (
    # Headers hold blanks and quotes: everything up to the end of the line.
    _named(
        r"((?:authorization|cookie)\s{0,4}[:=]\s{0,4}(?:(?:bearer|basic|digest)\s)?)"
        r"(?!\s|b?\\*['\"])[^\n]+",
    ),
    # "secret": "...", 'password': b'...', token='...'
    _named(
        rf"({_ENDS}(?:\\*['\"])?\s{{0,4}}[:=]\s{{0,4}}{_OPENED}){_TO_THE_END}",
        rf"\1{HIDDEN}\2",
    ),
    # ('password', '...'), ['--password', '...'], but not names of columns in a row
    _named(
        rf"((?:[(\[]\s?[bu]?['\"]|['\"]--)[\w-]{{0,40}}{_ENDS}['\"],\s{{0,4}}{_OPENED})"
        rf"{_TO_THE_END}",
        rf"\1{HIDDEN}\2",
    ),
    # ?token=..., &signature=..., password=...
    _named(
        rf"({_ENDS}\s?(?:=|%3D)\s?)(?!\s|\\*['\"]|(?:none|null|true|false)\b)"
        r"[^\s'\"&]*[^\s'\"&,;)\]}]",
    ),
    # X-Api-Key: ..., password: ..., "pin_token": 123456
    _named(
        rf"((?!key){_ENDS}\\*['\"]?\s?:\s?)"
        r"(?!(?:none|null|true|false|bearer|basic|digest)\b)"
        r"[^\s'\"&,;)\]}\\]{4,}",
    ),
    # --password ..., <password>...</password>, a field of a form in parts
    _named(rf"((?<![\w-])--[\w-]{{0,40}}{_ENDS}\s{{1,3}})[^\s'\"-][^\s'\"]*"),
    _named(rf"(<[\w-]{{0,40}}{_ENDS}>)[^<\n]+"),
    _named(rf"(name=\"[\w-]{{0,40}}{_ENDS}\"\s{{0,6}}\n)[^\n]+"),
    _named(r"\b(bearer\s+)[\w.~+/=-]{8,}"),
    # ALTER ROLE … PASSWORD '…', as statistics of statements keep it.
    _named(r"(\bPASSWORD\s+)E?'[^']*'", rf"\1'{HIDDEN}'"),
)
# Secrets by what they look like, and what PostgreSQL repeats of a row that it refuses.
_SHAPED: Final = (
    # user:password@ in an address, of a proxy for example.
    _pattern(r"(?<=://)[^/\s]+(?=@)"),
    # The same where the password holds a slash, but not what follows a port.
    _pattern(r"(?<=://)[^/\s:@]*:(?!\d{1,5}(?:[/?#]|\s|$))[^\s'\"]{1,200}(?=@)"),
    # Providers that put their tokens into the path.
    _pattern(r"\bbot\d{5,}:[\w-]{20,}", f"bot{HIDDEN}"),
    _pattern(
        r"(/bot/v2/hook/|hooks\.slack\.com/services/|/api/webhooks/|/api/push/)[\w/-]{6,}",
        rf"\1{HIDDEN}",
    ),
    # Our own inbound webhooks, for vendors that sign nothing.
    _pattern(r"(/api/v1/hooks/\d{1,20}/)[^/\s'\"]{6,}", rf"\1{HIDDEN}"),
    # Encrypted at rest is no reason to be copied elsewhere.
    _pattern(r"\bv1:[\w-]{1,40}:[\w=-]{20,}"),
    _pattern(r"\b(?:pbkdf2_\w{1,20}|argon2\w{0,3}|bcrypt\w{0,10}|md5)\$[^\s'\")]{8,}"),
    _pattern(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    _pattern(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]*(?:-----END[^-]*-----)?"),
    _pattern(
        r"(Failing row contains )\((?s:.*?)(?:\)\.?(?=\s*\n|\s*$)|\Z)",
        rf"\1({HIDDEN}).",
    ),
    _pattern(
        r"(Key \([^)\n]{1,200}\))=\((?s:.*?)(?:\)(?= (?:already|is |conflicts|was ))|\Z)",
        rf"\1=({HIDDEN})",
    ),
)


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
        for pattern, replacement in _SHAPED:
            text = pattern.sub(replacement, text)
        small = text.lower()
        if any(hint in small for hint in _HINTS):
            for pattern, replacement in _NAMED:
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
    named = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
    found: set[str] = set()
    for value in _walk(named):
        # A key ring is a list of id:key.
        found |= {value, *(part.partition(":")[2] for part in value.split(","))}
    # Whoever knows the address can stop the alarm.
    found.add(getattr(settings, "HEARTBEAT_URL", ""))
    # As addresses write them, and as a program that quotes its text does.
    written = {quote(each, safe="") for each in found}
    written |= {repr(each)[1:-1] for each in found}
    return {each for each in found | written if len(each) >= SHORTEST}


def _walk(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, str(key))
    elif isinstance(value, list | tuple | set | frozenset):
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

"""What a bot's log says about the last minutes. A bounded read, secrets taken out."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from freqtrade_mgmt.bot_files import open_inside
from freqtrade_mgmt.health.shapes import LogFacts
from freqtrade_mgmt.log_tail.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable

LOG_SECONDS: Final = 300
TAIL_BYTES: Final = 64 * 1024
WORDS_KEPT: Final = 200
STRATEGY_SIGN: Final = rb"Strategy caused the following exception"
EXCHANGE_SIGNS: Final = (
    rb"Could not load markets|\(\) returned exception: |NetworkError|RequestTimeout"
    rb"|ExchangeNotAvailable|OnMaintenance|DDosProtection|RateLimitExceeded"
    rb"|ProxyError|TemporaryError"
)
EXCHANGE_SIGN: Final = re.compile(EXCHANGE_SIGNS)
TELLING: Final = re.compile(
    rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ - [\w.]+ - "
    rb"(?:(?:ERROR|CRITICAL) - (.*)|WARNING - (.*(?:"
    + STRATEGY_SIGN
    + rb"|"
    + EXCHANGE_SIGNS
    + rb").*))$",
    re.MULTILINE,
)


def log_facts(
    path: Path,
    now: datetime,
    secrets: Iterable[str] = (),
    *,
    born: datetime | None = None,
) -> LogFacts:
    """Return what the last LOG_SECONDS of a bot's rotated log say.

    Nothing from before ``born`` counts: what an earlier process complained of, say of
    its own stop, is not this one's. At most TAIL_BYTES are read, however fast the bot
    writes; the counts are then those of what was read.
    """
    since = now.timestamp() - LOG_SECONDS
    if born is not None:
        since = max(since, born.timestamp())
    text = _newest_bytes(path, since)
    return telling(text, _written(since), secrets) if text else LogFacts()


def telling(text: bytes, since: bytes, secrets: Iterable[str] = ()) -> LogFacts:
    """Count the telling lines of ``text`` from ``since`` on (as the log writes it). Pure."""
    counts = {"errors": 0, "strategy": 0, "exchange": 0}
    newest = dict.fromkeys(counts, b"")
    for moment, error, warning in TELLING.findall(text):
        if moment < since:
            continue
        words = error or warning
        kind = _kind(words)
        counts[kind] += 1
        newest[kind] = words
    known = tuple(secrets)
    return LogFacts(
        errors=counts["errors"],
        strategy_errors=counts["strategy"],
        exchange_errors=counts["exchange"],
        words=redacted(newest["errors"], known),
        strategy_words=redacted(newest["strategy"], known),
        exchange_words=redacted(newest["exchange"], known),
    )


def redacted(words: bytes, secrets: Iterable[str] = ()) -> str:
    """Return the words as text of bounded length, without anything secret."""
    text = words[: 20 * WORDS_KEPT].decode(errors="replace").replace("\0", "")
    text = Redactor(filter(None, secrets))(text).strip() if text else ""
    return text if len(text) <= WORDS_KEPT else f"{text[: WORDS_KEPT - 1]}…"


def _kind(words: bytes) -> str:
    if STRATEGY_SIGN in words:
        return "strategy"
    return "exchange" if EXCHANGE_SIGN.search(words) else "errors"


def _newest_bytes(path: Path, since: float) -> bytes:
    text, whole = _tail(path, TAIL_BYTES, since)
    if whole and 0 < len(text) < TAIL_BYTES:
        # Rotated lately: the minutes before are at the end of the file before it.
        before, _whole = _tail(
            path.with_name(f"{path.name}.1"), TAIL_BYTES - len(text), since
        )
        text = before + text
    return text


def _tail(path: Path, limit: int, since: float) -> tuple[bytes, bool]:
    """Return the end of a file that was written since, and whether that is all of it."""
    try:
        # The bot owns its folder: a link or a pipe of its making is not followed.
        descriptor = open_inside(path.parents[1], path, os.O_RDONLY)
    except OSError:
        return b"", False
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if about.st_mtime < since:
            return b"", False
        file.seek(max(0, about.st_size - limit))
        return file.read(limit), about.st_size <= limit


def _written(since: float) -> bytes:
    """Return a moment as the bot's log writes it: in the machine's own zone."""
    moment = datetime.fromtimestamp(since, _machine_zone())
    return f"{moment:%Y-%m-%d %H:%M:%S}".encode()


@lru_cache(maxsize=1)
def _machine_zone() -> tzinfo:
    # Not the process's own zone: Django has set that to UTC, and bots do not inherit it.
    try:
        with Path("/etc/localtime").open("rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return UTC

"""From the bytes of a log to lines that a page can show. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST: Final = 2_000
# Secrets are looked for a little beyond the cut, so that none is shown by half.
MARGIN: Final = 500
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# In the place of a level: ``text`` is how many lines are not shown.
LEFT_OUT: Final = "LEFT_OUT"
_LINE: Final = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) - (\S+) - ([A-Z]+) - (.*)", re.DOTALL
)
# Colours of a terminal, and whatever else no page can show.
_UNSEEN: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


class Line(NamedTuple):
    """One line; ``time_ms`` is None and ``logger`` "" where it does not say."""

    source: str
    level: str
    time_ms: int | None
    logger: str
    text: str


class LineReader:
    """Reads the lines of one file in order: a traceback has the level of its message."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._level = "INFO"

    def read(self, raw: bytes, redact: Callable[[str], str]) -> Line:
        """Return one line; what is too long, secret or cannot be shown is cut."""
        text = _UNSEEN.sub("", raw.decode(errors="replace"))[: LONGEST + MARGIN]
        text = redact(text).rstrip()
        if len(text) > LONGEST:
            text = f"{text[:LONGEST]} …"
        match = _LINE.fullmatch(text)
        if match is None or match[4] not in LEVELS:
            return Line(self._source, self._level, None, "", text)
        self._level = match[4]
        return Line(
            self._source, match[4], _time_ms(match[1], match[2]), match[3], match[5]
        )


def left_out(source: str, count: int) -> Line:
    """Return the line that stands for ``count`` others."""
    return Line(source, LEFT_OUT, None, "", str(count))


def _time_ms(seconds: str, millis: str) -> int | None:
    """Return the moment; bots write the time of this machine."""
    try:
        moment = datetime.strptime(seconds, "%Y-%m-%d %H:%M:%S").astimezone()
    except ValueError:
        return None
    return int(moment.timestamp()) * 1000 + int(millis)

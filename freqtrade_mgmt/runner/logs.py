"""Logs of a runner: its own, and one for each strategy as its own bot would write it."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FORMAT: Final = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
_OWN_BYTES, _OWN_FILES = 10_000_000, 3
# As in the configuration of a bot.
_BYTES, _FILES = 5_000_000, 3
_KEPT: Final = 200
# Lines of these hold the login of a proxy, or say for every strategy what one line says.
_QUIET: Final = ("freqtrade.exchange.exchange",)


class StrategyLog:
    """The log of one strategy: its file, and its newest lines."""

    def __init__(self, path: Path) -> None:
        self._handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=_BYTES, backupCount=_FILES, encoding="utf-8", delay=True
        )
        self._handler.setFormatter(logging.Formatter(FORMAT))
        self.kept: deque[list[Any]] = deque(maxlen=_KEPT)
        self.last_problem = ""
        self.out_of_memory = False

    def take(self, record: logging.LogRecord) -> None:
        """Write a line, and remember what went wrong last."""
        self._handler.handle(record)
        text = record.getMessage()
        self.kept.append(
            [
                _moment(record.created),
                record.created * 1000,
                record.name,
                record.levelname,
                text,
            ]
        )
        if record.levelno >= logging.WARNING:
            self.last_problem = text
        if record.exc_info and isinstance(record.exc_info[1], MemoryError):
            self.out_of_memory = True

    def told(self, query: str) -> bytes:
        """Return the newest lines as a bot's API does; ``query`` may hold a limit."""
        limit = parse_qs(query).get("limit", [""])[-1]
        lines = list(self.kept)[-int(limit) :] if limit.isdecimal() else list(self.kept)
        return orjson.dumps({"log_count": len(lines), "logs": lines})

    def close(self) -> None:
        """Close the file."""
        self._handler.close()


class Routed(logging.Handler):
    """Gives each line to the strategy that is worked on now, or else to the runner."""

    def __init__(self, own: Callable[[str], None]) -> None:
        super().__init__()
        self.current: StrategyLog | None = None
        self._own = own
        self.setFormatter(logging.Formatter(FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line where it belongs."""
        try:
            if self.current is not None:
                self.current.take(record)
            else:
                self._own(self.format(record))
        except Exception:  # noqa: BLE001 - a handler of logging never raises
            self.handleError(record)


def logging_begin(handler: logging.Handler) -> None:
    """Let this process log to one handler alone, as loudly as a bot does."""
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class OwnLog:
    """The runner's own log file; the hub alone writes to it."""

    def __init__(self, path: Path) -> None:
        self._handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=_OWN_BYTES, backupCount=_OWN_FILES, encoding="utf-8"
        )

    def line(self, text: str) -> None:
        """Write a line that another process has formatted."""
        record = logging.LogRecord("", logging.INFO, "", 0, text, None, None)
        self._handler.handle(record)


def line_append(path: Path, name: str, level: int, text: str) -> None:
    """Add a line to a strategy's log from outside of the worker that writes it."""
    record = logging.LogRecord(name, level, "", 0, text, None, None)
    line = logging.Formatter(FORMAT).format(record)
    with contextlib.suppress(OSError), path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def _moment(stamp: float) -> str:
    return datetime.fromtimestamp(stamp, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")

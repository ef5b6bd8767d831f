"""What ends a thread or a process without being caught is logged like any other error."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

logger = logging.getLogger(__name__)


def hooks_install() -> None:
    """Have what nobody catches logged, for the console alone keeps nothing."""
    sys.excepthook = _process_ended
    threading.excepthook = _thread_ended


def _process_ended(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    # A person who ends a process knows.
    if not issubclass(kind, Exception):
        sys.__excepthook__(kind, error, trace)
        return
    logger.critical("This process ends.", exc_info=(kind, error, trace))


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is None or ended.exc_type is SystemExit:
        return
    logger.error(
        "The thread %s ended.",
        ended.thread.name if ended.thread else "?",
        exc_info=(ended.exc_type, ended.exc_value, ended.exc_traceback),
    )

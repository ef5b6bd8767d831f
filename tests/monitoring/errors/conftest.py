"""A logger whose records go to the handler under test."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from btc_watcher.lib.redaction import own_redactor
from monitoring.errors.handler import ErrorLogHandler

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def handler() -> Iterator[ErrorLogHandler]:
    """The handler, patient with nobody: it writes within hundredths of a second."""
    own_redactor.cache_clear()
    made = ErrorLogHandler("WARNING", gather=0.02, pause=0.05)
    yield made
    made.close()


@pytest.fixture
def log(handler: ErrorLogHandler) -> Iterator[logging.Logger]:
    """The logger of a module of ours."""
    logger = logging.getLogger("notifications.made_up")
    logger.addHandler(handler)
    # The handlers of pytest raise where ours must not.
    logger.propagate = False
    yield logger
    logger.propagate = True
    logger.removeHandler(handler)

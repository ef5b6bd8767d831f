"""The log that operators read and send around holds no secrets."""

from __future__ import annotations

import io
import logging
import logging.config
from typing import Any

from django.conf import settings


def console(stream: io.StringIO) -> logging.Handler:
    """Return the console's handler as the settings describe it, on a stream."""
    described: dict[str, Any] = settings.LOGGING["formatters"]["line"]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        logging.config.DictConfigurator({}).configure_formatter(described)
    )
    return handler


def written(message: str, *arguments: object, error: Exception | None = None) -> str:
    """Return the line that the console shows."""
    stream = io.StringIO()
    record = logging.LogRecord(
        "any",
        logging.WARNING,
        __file__,
        1,
        message,
        arguments,
        (type(error), error, None) if error else None,
    )
    console(stream).emit(record)
    return stream.getvalue()


def test_the_address_of_an_inbound_webhook_is_not_written() -> None:
    found = written("Bad Request: %s", "/api/v1/hooks/2/aW5ib3VuZC1zZWNyZXQ/")

    assert "Bad Request: /api/v1/hooks/2/***/" in found


def test_a_traceback_is_written_without_passwords() -> None:
    found = written("It failed", error=ValueError("redis://:hidden-word@127.0.0.1/0"))

    assert "hidden-word" not in found
    assert "ValueError" in found

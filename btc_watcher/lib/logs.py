"""How lines of the log are written: without secrets."""

from __future__ import annotations

import logging

from btc_watcher.lib.redaction import own_redactor


class RedactingFormatter(logging.Formatter):
    """Writes a line, its traceback included, without what nobody may read.

    Django names the address of what it refuses, and that of an inbound webhook is its
    secret.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return own_redactor()(super().format(record))

"""What is written about what happens."""

from __future__ import annotations

from typing import Any

from btc_watcher.env import env

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "btc_watcher.lib.logs.RedactingFormatter",
            "format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        },
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line"},
        # Writes error_logs: from a thread of its own, grouped, without secrets.
        "errors": {
            "class": "monitoring.errors.handler.ErrorLogHandler",
            "level": env.str("BTCW_ERROR_LOG_LEVEL", default="WARNING"),
        },
    },
    "root": {
        "handlers": ["console", "errors"],
        "level": env.str("BTCW_LOG_LEVEL", default="INFO"),
    },
    "loggers": {
        # Frame by frame chatter, tokens in addresses included.
        "websockets": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
        "aiohttp.access": {"level": "WARNING"},
        # The web server keeps what it logs to itself.
        "uvicorn.error": {"handlers": ["errors"]},
    },
}

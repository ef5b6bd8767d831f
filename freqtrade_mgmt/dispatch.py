"""The way in for whoever wants the package index asked soon."""

from __future__ import annotations

import logging
from typing import Final

from celery import current_app
from django.db import transaction
from django.utils import timezone
from kombu import pools
from kombu.exceptions import KombuError

from freqtrade_mgmt.cache.releases import (
    releases_wanted_drop,
    releases_wanted_put,
    releases_wanted_read,
)
from freqtrade_mgmt.versions.listing import releases_state
from proxies.queues import BROKER_OPTIONS

logger = logging.getLogger(__name__)

REFRESH: Final = "freqtrade_mgmt.tasks.refresh_releases"
# Whoever waits has gone by then.
EXPIRES: Final = 120


def releases_refresh_soon() -> None:
    """Have a worker ask the package index, after the transaction that goes on now.

    ``releases_being_asked`` tells whether that is still to come.
    """
    transaction.on_commit(_enqueue, robust=True)


def releases_being_asked() -> bool:
    """Tell whether somebody waits for the index to be asked."""
    since = releases_wanted_read()
    asked = releases_state().asked_at
    return bool(since) and (asked is None or asked.isoformat() < since)


def _enqueue() -> None:
    releases_wanted_put(timezone.now().isoformat())
    connection = current_app.connection_for_write(transport_options=BROKER_OPTIONS)
    try:
        with pools.producers[connection].acquire(block=True, timeout=5) as producer:
            current_app.send_task(
                REFRESH, expires=EXPIRES, producer=producer, retry=False
            )
    except (KombuError, OSError) as error:
        # The text of the error may hold the broker's address with its password.
        logger.warning("No worker could be asked (%s).", type(error).__name__)
        releases_wanted_drop()

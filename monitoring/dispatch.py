"""The way in for whoever wants a backup or a rotation now: a worker does it."""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any, Final

from celery import current_app
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu import pools
from kombu.exceptions import KombuError

from btc_watcher.lib.errors import BtcWatcherError
from monitoring.runs.cache import run_begin, run_put
from monitoring.runs.following import BACKUP, FAILED, ROTATION, WAITING
from monitoring.runs.shown import run_is_open, run_shown
from proxies.queues import BROKER_OPTIONS

logger = logging.getLogger(__name__)

# Whoever waits has gone by then.
EXPIRES: Final = 600


class NotAskedError(BtcWatcherError):
    """No worker could be asked, or one is at it already."""


def backup_soon(*, by: str) -> str:
    """Have a backup made and tried; return the number of the run. NotAskedError."""
    return _ask(BACKUP, "backup", "monitoring.tasks.backup_now", {}, by)


def trial_soon(name: str, *, by: str) -> str:
    """Have the backup ``name`` restored on trial; return the run's number. NotAskedError."""
    return _ask(BACKUP, "trial", "monitoring.tasks.trial_now", {"name": name}, by)


def rotation_soon(*, by: str) -> str:
    """Have the partitions rotated; return the number of the run. NotAskedError."""
    return _ask(ROTATION, "rotation", "monitoring.tasks.rotation_now", {}, by)


def _ask(kind: str, what: str, task: str, words: dict[str, Any], by: str) -> str:
    number = secrets.token_hex(8)
    values: dict[str, Any] = {
        "number": number,
        "what": what,
        "by": by,
        "state": WAITING,
        "at": timezone.now().isoformat(),
        "seen": time.time(),
        "steps": [],
        "error": "",
        "name": words.get("name", ""),
    }
    begun = run_begin(kind, values, stands=run_is_open)
    if begun is False:
        raise NotAskedError(_under_way(kind))
    if not (begun and _send(task, {**words, "run": number, "by": by})):
        run_put(kind, values | {"state": FAILED, "error": _away()})
        raise NotAskedError(_away())
    return number


def _under_way(kind: str) -> str:
    shown = run_shown(kind)
    if shown is not None and shown.state == WAITING:
        return _("One was asked for already and begins soon.")
    return _("One is under way already. Wait until it has ended.")


def _away() -> str:
    return _("The queue of tasks is away, so no worker could be asked.")


def _send(task: str, words: dict[str, Any]) -> bool:
    connection = current_app.connection_for_write(transport_options=BROKER_OPTIONS)
    try:
        with pools.producers[connection].acquire(block=True, timeout=5) as producer:
            current_app.send_task(
                task,
                kwargs=words,
                expires=EXPIRES,
                producer=producer,
                retry=False,
                ignore_result=True,
            )
    except (KombuError, OSError) as error:
        # The text of the error may hold the broker's address with its password.
        logger.warning("No worker could be asked (%s).", type(error).__name__)
        return False
    return True

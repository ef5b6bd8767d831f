"""One round of the watch: every look, and what follows from it."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from django.db import Error as DatabaseError
from django.db import transaction

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.locking import lock_taken
from btc_watcher.lib.locks import WATCH_ROUND
from monitoring.database.cache import RedisError
from monitoring.watch.judging import Action, History, Reading, judge
from monitoring.watch.kinds import KINDS
from monitoring.watch.models import WatchState
from notifications.dispatch import alert_raise, alert_resolve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitoring.watch.kinds import Kind

logger = logging.getLogger(__name__)


def watch_round(now: datetime, kinds: Sequence[Kind] = KINDS) -> dict[str, str]:
    """Look for every kind of trouble and tell; return what was done, by key.

    A look that could not be taken changes nothing ("unknown"): a database that is away
    is told by others, and what cannot be seen is neither wrong nor over. One round at a
    time: another one returns nothing.
    """
    done: dict[str, str] = {}
    with transaction.atomic():
        if not lock_taken(WATCH_ROUND):
            return {}
        states = {row.kind: row for row in WatchState.objects.all()}
        for kind in kinds:
            row = states.get(kind.key) or WatchState(kind=kind.key)
            try:
                with transaction.atomic():
                    done[kind.key] = _judged(kind, row, now)
            except Exception:
                # One kind that breaks must not silence the others.
                logger.exception("%s could not be judged.", kind.key)
                done[kind.key] = "unknown"
    return done


def _judged(kind: Kind, row: WatchState, now: datetime) -> str:
    reading = _look(kind, row, now)
    return "unknown" if reading is None else _act(kind, row, reading, now)


def _look(kind: Kind, row: WatchState, now: datetime) -> Reading | None:
    try:
        # Its own savepoint: a failed statement must not end the round.
        with transaction.atomic():
            return kind.look(now, row.memory)
    except (DatabaseError, RedisError, OSError, BtcWatcherError) as error:
        # Its text may hold addresses.
        logger.warning("%s could not be watched (%s).", kind.key, type(error).__name__)
        return None


def _act(kind: Kind, row: WatchState, reading: Reading, now: datetime) -> str:
    before = History(row.wrong_since, row.right_since, row.told)
    after, action = judge(before, reading.level, kind.patience, now)
    row.wrong_since, row.right_since = after.wrong_since, after.right_since
    row.told, row.memory = after.told, dict(reading.memory)
    row.save()
    if action is Action.RAISE:
        alert_raise(
            key=kind.key,
            priority=kind.priority,
            words=partial(kind.words, reading.facts),
            context=dict(reading.facts),
            now=now,
        )
    elif action is Action.RESOLVE:
        alert_resolve(key=kind.key, now=now)
    return action.value

"""Counting rows reads whole partitions: one count at a time, and none for long.

However many people look, and on however many machines: the lock is the database's.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from django.db import OperationalError
from django.utils.translation import gettext as _
from psycopg.errors import QueryCanceled

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.locking import lock_taken
from btc_watcher.lib.locks import COUNTING
from monitoring.database.bounded import bounded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.backends.utils import CursorWrapper

SECONDS: Final = 15


class CountingBusyError(BtcWatcherError):
    """Something else is being counted."""


class CountingSlowError(BtcWatcherError):
    """It takes longer than a page may wait."""


@contextmanager
def counting() -> Iterator[CursorWrapper]:
    """Give a cursor to count with, to one at a time in the whole installation.

    Raises CountingBusyError at once when another counts, and CountingSlowError when a
    statement takes longer than SECONDS.
    """
    try:
        with bounded(milliseconds=1000 * SECONDS) as cursor:
            if not lock_taken(COUNTING):
                raise CountingBusyError(_("Another count is at work."))
            yield cursor
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise CountingSlowError(
                _("It takes longer than %(seconds)d s.") % {"seconds": SECONDS}
            ) from error
        raise

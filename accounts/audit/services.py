"""Forgetting what is too old."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

if TYPE_CHECKING:
    from datetime import datetime

# So that no transaction is long.
AT_ONCE: Final = 5_000
_LEAVE: Final = "SELECT set_config('btc_watcher.audit_forgets', 'yes', true)"
_REMOVE: Final = """
DELETE FROM audit_log WHERE id IN
 (SELECT id FROM audit_log WHERE at < %s ORDER BY at LIMIT %s)
"""


def audit_forget(*, now: datetime | None = None) -> int:
    """Remove entries older than AUDIT_DAYS days; return how many. 0 days keeps all."""
    if not settings.AUDIT_DAYS:
        return 0
    before = (now or timezone.now()) - timedelta(days=settings.AUDIT_DAYS)
    removed = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_LEAVE)
            cursor.execute(_REMOVE, [before, AT_ONCE])
            count = int(cursor.rowcount)
        removed += count
        if count < AT_ONCE:
            return removed

"""What is asked of a replica in a test."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.utils import timezone

from btc_watcher.lib import replica
from btc_watcher.lib.replica_probe import REPLICA
from signals_app.services import signals_record
from tests.signals_app.factories import candidate

if TYPE_CHECKING:
    from tests.standby import Standby


def port_asked() -> int:
    """Return the port of the server that a reader is answered by."""

    def ask(alias: str) -> int:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT inet_server_port()")
            return int(cursor.fetchone()[0])

    return replica.read(ask)


def is_read(server: Standby) -> bool:
    return port_asked() == server.port


def a_signal(hours: float = 2, **changes: Any) -> str:
    """Store a signal of some time ago; return its id."""
    moment = timezone.now().replace(microsecond=0) - timedelta(hours=hours)
    ((identifier, word),) = signals_record(
        [candidate(timestamp=moment, **changes)]
    ).answers
    assert word == "created"
    return str(identifier)


def written_through(server: Standby) -> None:
    """Wait until the replica has what was committed."""
    assert replica.read_whole(lambda alias: alias) == REPLICA
    assert server.alive


def old_range() -> dict[str, str]:
    now = timezone.now()
    begin, end = now - timedelta(days=2), now - timedelta(hours=1)
    return {"from": begin.isoformat(), "to": end.isoformat()}

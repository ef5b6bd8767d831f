"""Machines that hold strategies and are silent: nobody else starts those meanwhile.

Whoever restores a backup on another machine finds the old one in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from btc_watcher.lib.statements import rows_of
from freqtrade_mgmt.leases.store import lease_limits

if TYPE_CHECKING:
    import psycopg

# Below BTCW_HOME: what tells this home from others, whatever its machine is called.
HOME_MARK: Final = "run/node"
# What is guarded is taken over by itself. ``wait`` 0 takes those that live as well.
HELD: Final = """
SELECT l.node, count(*)::int
  FROM strategy_leases l LEFT JOIN supervisor_nodes n ON n.name = l.node
 WHERE l.strategy_id <> 0 AND NOT l.guarded
   AND l.node <> %(me)s::varchar AND coalesce(n.home, '') <> %(home)s::varchar
   AND (%(wait)s::float8 = 0 OR n.name IS NULL OR n.stopped_at IS NOT NULL
        OR n.seen_at + %(wait)s::float8 * interval '1 second' < clock_timestamp())
 GROUP BY l.node ORDER BY l.node
"""
STOPPED: Final = """
UPDATE supervisor_nodes SET stopped_at = clock_timestamp(), guards = false
 WHERE name = %(me)s::varchar AND home = %(home)s::varchar
"""


def nodes_silent() -> dict[str, int]:
    """Return the other machines that hold strategies and are silent, with how many.

    Raises Django's database errors.
    """
    limits = lease_limits()
    return dict(rows_of(HELD, _parameters(limits.lease + limits.margin)))


def nodes_in_backup(connection: psycopg.Connection) -> dict[str, int]:
    """Return the other machines that hold strategies in a database just restored.

    Which of them live cannot be told: what they said last is as old as the backup.
    """
    if not _has_leases(connection):
        return {}
    return dict(connection.execute(HELD, _parameters(0.0)).fetchall())


def own_node_stop(connection: psycopg.Connection) -> bool:
    """Mark our own node in a database just restored as stopped; tell whether it is there.

    Its last sign of life is as old as the backup, so its supervisor is not known by it
    and registers again: at once, instead of after a lease and a margin.
    """
    if not _has_leases(connection):
        return False
    return connection.execute(STOPPED, _parameters(0.0)).rowcount > 0


def release_command(name: str) -> str:
    """Return what gives the strategies of a machine to the others."""
    return f"manage.py nodes release {name} --yes-really"


def _has_leases(connection: psycopg.Connection) -> bool:
    """Tell whether the release that made a backup knew of machines."""
    row = connection.execute("SELECT to_regclass('strategy_leases') IS NOT NULL")
    return row.fetchone() == (True,)


def _parameters(wait: float) -> dict[str, Any]:
    try:
        home = (settings.BTCW_HOME / HOME_MARK).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        home = "none"
    return {"me": settings.NODE_NAME[:100], "home": home, "wait": wait}

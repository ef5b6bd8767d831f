"""The statements about nodes and leases. All moments are of the database's clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson
from django.conf import settings
from django.db import transaction

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.statements import rows_of
from freqtrade_mgmt.leases.notes import LONGEST
from freqtrade_mgmt.leases.picture import LeaseSeen, Limits, NodeSeen, Picture

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import LiteralString


class Run(Protocol):
    """Whoever runs a statement and returns its rows."""

    def __call__(
        self, sql: LiteralString, parameters: Mapping[str, Any], /
    ) -> list[tuple[Any, ...]]:
        """Run it; raises Django's database errors."""


# What a node said last; it differs after every sign of life.
NODE_STAMP: Final = "(n.life || ' ' || n.beat || ' ' || extract(epoch FROM n.seen_at))"
# What a lease looks like; it differs after every renewal and every take.
LEASE_STAMP: Final = (
    "(l.strategy_id || ' ' || l.term || ' ' || extract(epoch FROM l.expires_at))"
)
# Surely no supervisor speaks for a row any more: it said so, it was ours and we hold its
# lock, or we have seen no sign of life of it for long enough.
SILENT: Final = (
    " (n.stopped_at IS NOT NULL"
    " OR (n.life <> '' AND n.life IN (%(was)s::varchar, %(life)s::varchar))"
    " OR <node stamp> = ANY (%(silent)s::text[])) "
)
# We are who registered last under this name, and the last who gave a sign of life.
OURS: Final = (
    " name = %(name)s::varchar AND home = %(home)s::varchar AND life = %(life)s::varchar"
    " AND beat = ANY (%(beats)s::varchar[]) "
)


def _filled(statement: LiteralString) -> LiteralString:
    """Return a statement with what several have in common."""
    return (
        statement.replace("<silent>", SILENT)
        .replace("<ours>", OURS)
        .replace("<node stamp>", NODE_STAMP)
        .replace("<lease stamp>", LEASE_STAMP)
    )


STRANGERS: Final = _filled("""
SELECT n.name, n.home, <node stamp>, n.guards FROM supervisor_nodes n
 WHERE (n.home = %(home)s::varchar OR n.name = %(name)s::varchar) AND NOT <silent>
 ORDER BY n.name FOR UPDATE
""")
# A home that was given another name takes its leases and its bots along.
RENAME: Final = """
WITH old AS (
  DELETE FROM supervisor_nodes n
   WHERE n.home = %(home)s::varchar AND n.name <> %(name)s::varchar
  RETURNING n.name),
bots AS (
  UPDATE strategy_processes p
     SET resource_usage = p.resource_usage || jsonb_build_object('node', %(name)s::varchar)
    FROM old
   WHERE p.stop_time IS NULL AND p.resource_usage ->> 'node' = old.name
  RETURNING 1)
UPDATE strategy_leases l SET node = %(name)s::varchar FROM old WHERE l.node = old.name
RETURNING l.strategy_id
"""
REGISTER: Final = _filled("""
INSERT INTO supervisor_nodes AS n
       (name, home, address, capacity, draining, guards, started_at, seen_at, life, beat)
VALUES (%(name)s::varchar, %(home)s::varchar, %(address)s::varchar, %(capacity)s::int, false, false,
        clock_timestamp(), clock_timestamp(), %(life)s::varchar, %(beat)s::varchar)
ON CONFLICT (name) DO UPDATE
   SET home = excluded.home, address = excluded.address,
       capacity = excluded.capacity, guards = false,
       started_at = excluded.started_at, seen_at = excluded.seen_at, stopped_at = NULL,
       life = excluded.life, beat = excluded.beat
 WHERE <silent>
RETURNING 1
""")
# Its machine may be repaired, and whoever starts it again means now.
UNNOTED: Final = (
    "DELETE FROM strategy_lease_notes WHERE node = %(name)s::varchar RETURNING 1"
)
# Rows that tell nothing any more: machines of long ago, strategies that were deleted.
FORGET: Final = """
WITH gone AS (
  DELETE FROM strategy_leases l
   WHERE l.node IS NULL AND l.strategy_id <> 0
     AND NOT EXISTS (SELECT FROM strategies s WHERE s.id = l.strategy_id)
  RETURNING 1),
said AS (
  DELETE FROM strategy_lease_notes t
   WHERE t.noted_at NOT BETWEEN now() - interval '1 day' AND now() + interval '1 day'
  RETURNING 1)
DELETE FROM supervisor_nodes n
 WHERE n.name <> %(name)s::varchar AND greatest(n.seen_at, n.stopped_at) < now() - interval '7 days'
   AND NOT EXISTS (SELECT FROM strategy_leases l WHERE l.node = n.name)
RETURNING 1
"""
OWN: Final = "SELECT strategy_id FROM strategy_leases WHERE node = %(name)s::varchar"
# Whoever holds it, has lost it or never had it: one of many takers gets the row. What is
# another's is taken only while it looks as it did for so long: ``stale``.
TAKE: Final = _filled("""
INSERT INTO strategy_leases AS l
       (strategy_id, node, term, expires_at, guarded, came_from, taken_at)
SELECT w.id, %(name)s::varchar, 1, clock_timestamp() + %(lease)s::float8 * interval '1 second',
       %(guarded)s::bool, '', clock_timestamp()
  FROM (SELECT DISTINCT unnest(%(ids)s::int[]) AS id ORDER BY 1) w
 WHERE EXISTS (SELECT FROM supervisor_nodes WHERE <ours>)
ON CONFLICT (strategy_id) DO UPDATE
   SET node = excluded.node, term = l.term + 1, guarded = excluded.guarded,
       expires_at = clock_timestamp() + %(lease)s::float8 * interval '1 second',
       taken_at = clock_timestamp(),
       came_from = CASE WHEN l.node IS NULL THEN ''
                        WHEN l.node = excluded.node THEN l.came_from
                        ELSE l.node END
 WHERE l.node IS NULL OR l.node = excluded.node
    OR ((l.guarded OR l.strategy_id = 0) AND <lease stamp> = ANY (%(stale)s::text[]))
RETURNING l.strategy_id, l.term
""")
# A sign of life, all renewals, and what is known of the others: one statement.
RENEW: Final = _filled("""
WITH me AS (
  UPDATE supervisor_nodes
     SET seen_at = clock_timestamp(), stopped_at = NULL, guards = %(guarded)s::bool,
         capacity = %(capacity)s::int, beat = %(beat)s::varchar
   WHERE <ours>
  RETURNING 1),
renewed AS (
  UPDATE strategy_leases l
     SET expires_at = clock_timestamp() + %(lease)s::float8 * interval '1 second',
         guarded = %(guarded)s::bool
    FROM unnest(%(ids)s::int[], %(terms)s::bigint[]) AS w (id, term)
   WHERE l.strategy_id = w.id AND l.term = w.term AND l.node = %(name)s::varchar
     AND EXISTS (SELECT FROM me)
  RETURNING l.strategy_id)
SELECT EXISTS (SELECT FROM me), ARRAY(SELECT strategy_id FROM renewed),
       (SELECT json_agg(json_build_array(name,
                 extract(epoch FROM clock_timestamp() - seen_at),
                 stopped_at IS NOT NULL, draining, guards, capacity, address,
                 <node stamp>))::text
          FROM supervisor_nodes n),
       (SELECT json_agg(json_build_array(strategy_id, node, guarded, came_from,
                 <lease stamp>))::text
          FROM strategy_leases l WHERE node IS NOT NULL),
       (SELECT json_agg(json_build_array(strategy_id, node))::text
          FROM strategy_lease_notes
         WHERE until > clock_timestamp()
           AND until < clock_timestamp() + %(longest)s::float8 * interval '1 second')
""")
RELEASE: Final = _filled("""
UPDATE strategy_leases l SET node = NULL, expires_at = NULL, guarded = false
  FROM unnest(%(ids)s::int[], %(terms)s::bigint[]) AS w (id, term)
 WHERE l.strategy_id = w.id AND l.term = w.term AND l.node = %(name)s::varchar
   AND EXISTS (SELECT FROM supervisor_nodes WHERE <ours>)
RETURNING l.strategy_id
""")
FAREWELL: Final = _filled("""
UPDATE supervisor_nodes SET stopped_at = clock_timestamp(), guards = false
 WHERE <ours> RETURNING 1
""")
# Of a node that is gone: its bots ended with it, or were ended before this was allowed.
FOREIGN: Final = """
UPDATE strategy_processes
   SET status = 'error', stop_time = now(),
       resource_usage = resource_usage || jsonb_build_object('reason',
         'its node ' || (resource_usage ->> 'node') || ' does not answer any more')
 WHERE strategy_id = ANY (%(ids)s::int[]) AND stop_time IS NULL
   AND coalesce(resource_usage ->> 'node', %(name)s::varchar) <> %(name)s::varchar
RETURNING id
"""


class NodeNameTakenError(BtcWatcherError):
    """Another supervisor speaks, or lately spoke, for our name or our home.

    ``stamps`` are the last signs of life, by name; the bots of ``unguarded`` outlive an
    outage of the database, so their silence proves nothing.
    """

    def __init__(
        self,
        message: str,
        stamps: Mapping[str, str],
        unguarded: Collection[str] = (),
    ) -> None:
        super().__init__(message)
        self.stamps, self.unguarded = stamps, unguarded


@dataclass(frozen=True, slots=True)
class Node:
    """Who we are; ``capacity`` is how many bots have room.

    ``life`` names this very supervisor, ``was`` the last one that held the lock of this
    home on this machine and so has ended. ``beats`` are the last signs of life that were
    answered, for a standby that takes over may lack the newest, and after them the next
    one, which may have arrived without an answer.
    """

    name: str
    home: str
    address: str = ""
    capacity: int = 1_000
    life: str = ""
    was: str = ""
    beats: tuple[str, ...] = ("", "")

    def parameters(self) -> dict[str, Any]:
        """Return the values for a statement."""
        return {
            "name": self.name,
            "home": self.home,
            "address": self.address,
            "capacity": self.capacity,
            "life": self.life,
            "was": self.was,
            "beats": list(self.beats),
            "beat": self.beats[-1],
            "lease": lease_limits().lease,
        }


@dataclass(frozen=True, slots=True)
class Renewed:
    """The answer to a renewal; ``known`` false: the node is not registered (any more)."""

    known: bool
    kept: frozenset[int] = frozenset()
    picture: Picture = field(default_factory=Picture)


def lease_limits() -> Limits:
    """Return the limits that ``settings.LEASE_SECONDS`` asks for."""
    return Limits.of(float(settings.LEASE_SECONDS))


@transaction.atomic
def node_register(node: Node, silent: Collection[str] = ()) -> list[int]:
    """Say that a node lives, and return the strategies that it held before.

    ``silent`` are signs of life after which no other was seen for a lease and a margin.
    Raises NodeNameTakenError while another home of the same name may live, this home
    under another name, or a copy of it under the same.
    """
    values = node.parameters() | {"silent": list(silent)}
    if found := rows_of(STRANGERS, values):
        stamps = {name: stamp for name, _home, stamp, _guards in found}
        unguarded = {name for name, _home, _stamp, guards in found if not guards}
        name, home, _stamp, guards = found[0]
        words = _taken(node, name, home, guards=guards)
        raise NodeNameTakenError(words, stamps, unguarded)
    rows_of(RENAME, values)
    if not rows_of(REGISTER, values):
        # Registered at this very moment.
        raise NodeNameTakenError(_taken(node, node.name, "", guards=False), {})
    rows_of(UNNOTED, values)
    rows_of(FORGET, values)
    return [key for (key,) in rows_of(OWN, values)]


def _taken(node: Node, name: str, home: str, *, guards: bool) -> str:
    limits = lease_limits()
    wait = f"when nothing was heard of it for {limits.lease + limits.margin:.0f} s"
    if not guards:
        # Nobody ends its bots when it loses the database.
        wait = (
            "when that one has ended in an orderly way, or, when you know that it has"
            f" ended with its bots, after: manage.py nodes release {name} --yes-really"
        )
    if name != node.name:
        return (
            f"This BTCW_HOME is the one of node {name}, which lives. If it is a copy,"
            " delete run/node in it. If this machine was given another name, it goes on"
            f" as {node.name} {wait}."
        )
    if home == node.home:
        return (
            f"A copy of this BTCW_HOME runs as node {name} and lives, so no bot is started"
            " here: they would run twice. If this machine is the copy (a cloned disk, a"
            " restored snapshot), give it a BTCW_NODE of its own and delete run/node in"
            " its BTCW_HOME. If the other one is, stop that one. This one goes on"
            f" {wait}."
        )
    return (
        f"Another supervisor is called {name} and lives. Two of one name would"
        " run the same bots: give each machine its own BTCW_NODE. A machine that was"
        f" replaced goes on {wait}."
    )


def leases_take(
    node: Node,
    strategy_ids: Collection[int],
    *,
    guarded: bool,
    stale: Collection[str] = (),
) -> dict[int, int]:
    """Take what is free, ours, or over; return the term of each that is ours now.

    ``stale`` are the stamps of leases that have not changed for a lease and a margin.
    """
    values = node.parameters() | {
        "ids": sorted(strategy_ids),
        "guarded": guarded,
        "stale": list(stale),
    }
    with transaction.atomic():
        taken = dict(rows_of(TAKE, values))
        if taken:
            rows_of(FOREIGN, values | {"ids": sorted(taken)})
    return taken


def leases_renew(
    node: Node,
    held: Mapping[int, int],
    *,
    guarded: bool,
    run: Run = rows_of,
) -> Renewed:
    """Renew what we hold (strategy to term), and see the others."""
    values = node.parameters() | _pairs(held)
    values |= {"guarded": guarded, "longest": 2 * LONGEST}
    ((known, kept, *texts),) = run(RENEW, values)
    nodes, leases, notes = (orjson.loads(text or "[]") for text in texts)
    seen = [
        LeaseSeen(key, holder, 0.0, ours, came_from, stamp)
        for key, holder, ours, came_from, stamp in leases
    ]
    picture = Picture(
        me=node.name,
        nodes=tuple(
            NodeSeen(row[0], float(row[1]), row[7], *row[2:7]) for row in nodes
        ),
        leases={lease.strategy_id: lease for lease in seen},
        notes=frozenset((key, name) for key, name in notes),
    )
    return Renewed(bool(known), frozenset(kept), picture)


def leases_release(node: Node, held: Mapping[int, int]) -> frozenset[int]:
    """Give back what we do not run any more; anybody may take it at once.

    Returns what was given back: nothing when a newer sign of life came between.
    """
    rows = rows_of(RELEASE, node.parameters() | _pairs(held)) if held else []
    return frozenset(key for (key,) in rows)


def node_farewell(node: Node) -> None:
    """Say that the node ends because it was asked to."""
    rows_of(FAREWELL, node.parameters())


def _pairs(held: Mapping[int, int]) -> dict[str, Any]:
    return {"ids": list(held), "terms": list(held.values())}

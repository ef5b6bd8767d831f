"""The statements about nodes and leases. All moments are of the database's clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson
from django.conf import settings
from django.db import transaction

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.statements import rows_of
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


# A home that was given another name takes its leases and its bots along. While the old
# name gives signs of life the home may be a copy of one that runs elsewhere.
RENAME: Final = """
WITH old AS (
  DELETE FROM supervisor_nodes n
   WHERE n.home = %(home)s::varchar AND n.name <> %(name)s::varchar
     AND (n.stopped_at IS NOT NULL
          OR n.seen_at + %(wait)s::float8 * interval '1 second' < clock_timestamp())
     AND NOT EXISTS (SELECT FROM supervisor_nodes o
                      WHERE o.name = %(name)s::varchar AND o.stopped_at IS NULL
                        AND o.seen_at + %(wait)s::float8 * interval '1 second'
                            > clock_timestamp())
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
NAMESAKE: Final = """
SELECT name FROM supervisor_nodes
 WHERE home = %(home)s::varchar AND name <> %(name)s::varchar
"""
REGISTER: Final = """
INSERT INTO supervisor_nodes AS n
       (name, home, address, capacity, draining, guards, started_at, seen_at)
VALUES (%(name)s::varchar, %(home)s::varchar, %(address)s::varchar, %(capacity)s::int, false, false,
        clock_timestamp(), clock_timestamp())
ON CONFLICT (name) DO UPDATE
   SET home = excluded.home, address = excluded.address,
       capacity = excluded.capacity, guards = false,
       started_at = excluded.started_at, seen_at = excluded.seen_at, stopped_at = NULL
 WHERE n.home = excluded.home OR n.stopped_at IS NOT NULL
    OR n.seen_at + %(wait)s::float8 * interval '1 second' < clock_timestamp()
RETURNING 1
"""
# Rows that tell nothing any more: machines of long ago, strategies that were deleted.
FORGET: Final = """
WITH gone AS (
  DELETE FROM strategy_leases l
   WHERE l.node IS NULL AND l.strategy_id <> 0
     AND NOT EXISTS (SELECT FROM strategies s WHERE s.id = l.strategy_id)
  RETURNING 1)
DELETE FROM supervisor_nodes n
 WHERE n.name <> %(name)s::varchar AND greatest(n.seen_at, n.stopped_at) < now() - interval '7 days'
   AND NOT EXISTS (SELECT FROM strategy_leases l WHERE l.node = n.name)
RETURNING 1
"""
OWN: Final = "SELECT strategy_id FROM strategy_leases WHERE node = %(name)s::varchar"
# Whoever holds it, has lost it or never had it: one of many takers gets the row.
TAKE: Final = """
INSERT INTO strategy_leases AS l
       (strategy_id, node, term, expires_at, guarded, came_from, taken_at)
SELECT w.id, %(name)s::varchar, 1, clock_timestamp() + %(lease)s::float8 * interval '1 second',
       %(guarded)s::bool, '', clock_timestamp()
  FROM (SELECT DISTINCT unnest(%(ids)s::int[]) AS id ORDER BY 1) w
 WHERE EXISTS (SELECT FROM supervisor_nodes
                WHERE name = %(name)s::varchar AND home = %(home)s::varchar)
ON CONFLICT (strategy_id) DO UPDATE
   SET node = excluded.node, term = l.term + 1, guarded = excluded.guarded,
       expires_at = clock_timestamp() + %(lease)s::float8 * interval '1 second',
       taken_at = clock_timestamp(),
       came_from = CASE WHEN l.node IS NULL THEN ''
                        WHEN l.node = excluded.node THEN l.came_from
                        ELSE l.node END
 WHERE l.node IS NULL OR l.node = excluded.node
    OR ((l.guarded OR l.strategy_id = 0)
        AND l.expires_at + %(margin)s::float8 * interval '1 second' < clock_timestamp())
RETURNING l.strategy_id, l.term
"""
# A sign of life, all renewals, and what is known of the others: one statement.
RENEW: Final = """
WITH me AS (
  UPDATE supervisor_nodes
     SET seen_at = clock_timestamp(), stopped_at = NULL, guards = %(guarded)s::bool,
         capacity = %(capacity)s::int
   WHERE name = %(name)s::varchar AND home = %(home)s::varchar
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
                 stopped_at IS NOT NULL, draining, guards, capacity, address))::text
          FROM supervisor_nodes),
       (SELECT json_agg(json_build_array(strategy_id, node,
                 extract(epoch FROM expires_at - clock_timestamp()),
                 guarded, came_from))::text
          FROM strategy_leases WHERE node IS NOT NULL)
"""
RELEASE: Final = """
UPDATE strategy_leases l SET node = NULL, expires_at = NULL, guarded = false
  FROM unnest(%(ids)s::int[], %(terms)s::bigint[]) AS w (id, term)
 WHERE l.strategy_id = w.id AND l.term = w.term AND l.node = %(name)s::varchar
RETURNING l.strategy_id
"""
FAREWELL: Final = """
UPDATE supervisor_nodes SET stopped_at = clock_timestamp(), guards = false
 WHERE name = %(name)s::varchar AND home = %(home)s::varchar RETURNING 1
"""
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
    """Another supervisor of the same name lives."""


@dataclass(frozen=True, slots=True)
class Node:
    """Who we are; ``capacity`` is how many bots have room."""

    name: str
    home: str
    address: str = ""
    capacity: int = 1_000

    def parameters(self) -> dict[str, Any]:
        """Return the values for a statement."""
        limits = lease_limits()
        return {
            "name": self.name,
            "home": self.home,
            "address": self.address,
            "capacity": self.capacity,
            "lease": limits.lease,
            "margin": limits.margin,
            "wait": limits.lease + limits.margin,
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
def node_register(node: Node) -> list[int]:
    """Say that a node lives, and return the strategies that it held before.

    Raises NodeNameTakenError while another home of the same name lives, or this home
    under another name.
    """
    values = node.parameters()
    rows_of(RENAME, values)
    for (other,) in rows_of(NAMESAKE, values):
        raise NodeNameTakenError(
            f"This BTCW_HOME is the one of node {other}, which lives. If it is a copy,"
            " delete run/node in it. If this machine was given another name, it goes on"
            f" as {node.name} when {other} has been silent for {values['wait']:.0f} s."
        )
    if not rows_of(REGISTER, values):
        raise NodeNameTakenError(
            f"Another supervisor is called {node.name} and lives. Two of one name would"
            " run the same bots: give each machine its own BTCW_NODE. A machine that was"
            f" replaced is known again after {values['wait']:.0f} s."
        )
    rows_of(FORGET, values)
    return [key for (key,) in rows_of(OWN, values)]


def leases_take(
    node: Node, strategy_ids: Collection[int], *, guarded: bool
) -> dict[int, int]:
    """Take what is free, ours, or over; return the term of each that is ours now."""
    values = node.parameters() | {"ids": sorted(strategy_ids), "guarded": guarded}
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
    values = node.parameters() | _pairs(held) | {"guarded": guarded}
    ((known, kept, nodes, leases),) = run(RENEW, values)
    seen = [
        LeaseSeen(key, holder, float(left or 0), ours, came_from)
        for key, holder, left, ours, came_from in orjson.loads(leases or "[]")
    ]
    picture = Picture(
        me=node.name,
        nodes=tuple(
            NodeSeen(name, float(age), stopped, draining, guards, capacity, address)
            for name, age, stopped, draining, guards, capacity, address in orjson.loads(
                nodes or "[]"
            )
        ),
        leases={lease.strategy_id: lease for lease in seen},
    )
    return Renewed(bool(known), frozenset(kept), picture)


def leases_release(node: Node, held: Mapping[int, int]) -> None:
    """Give back what we do not run any more; anybody may take it at once."""
    if held:
        rows_of(RELEASE, node.parameters() | _pairs(held))


def node_farewell(node: Node) -> None:
    """Say that the node ends because it was asked to."""
    rows_of(FAREWELL, node.parameters())


def _pairs(held: Mapping[int, int]) -> dict[str, Any]:
    return {"ids": list(held), "terms": list(held.values())}

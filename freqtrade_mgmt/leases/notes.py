"""Notes of nodes about strategies that they could not start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from btc_watcher.lib.statements import rows_of

if TYPE_CHECKING:
    from datetime import datetime

# Seconds: a node tries again after the first, then twice as long each time.
FIRST: Final = 60.0
LONGEST: Final = 900.0
# A note is shown for so long, also when its node may try again.
SHOWN_SECONDS: Final = 3600.0
# Of each node's reason, where several are told in one.
REASON_LENGTH: Final = 200

WRITE: Final = """
INSERT INTO strategy_lease_notes AS t (strategy_id, node, reason, failures, noted_at, until)
VALUES (%(id)s::int, %(node)s::varchar, %(reason)s::text, 1, clock_timestamp(),
        clock_timestamp() + %(first)s::float8 * interval '1 second')
ON CONFLICT (strategy_id, node) DO UPDATE
   SET reason = excluded.reason, failures = least(t.failures + 1, 20),
       noted_at = excluded.noted_at,
       until = clock_timestamp() + least(%(longest)s::float8,
               %(first)s::float8 * 2 ^ least(t.failures, 20)) * interval '1 second'
RETURNING 1
"""
IN_FORCE: Final = """
SELECT node, reason FROM strategy_lease_notes
 WHERE strategy_id = %(id)s::int AND until > clock_timestamp()
   AND until < clock_timestamp() + 2 * %(longest)s::float8 * interval '1 second'
 ORDER BY node
"""
END: Final = """
UPDATE strategy_lease_notes SET until = clock_timestamp()
 WHERE strategy_id = %(id)s::int RETURNING 1
"""
# What this node said has turned out otherwise; what others said and is over, is stale.
CLEAR: Final = """
DELETE FROM strategy_lease_notes
 WHERE strategy_id = %(id)s::int
   AND (node = %(node)s::varchar OR until <= clock_timestamp())
RETURNING 1
"""
LIST: Final = """
SELECT t.node, t.strategy_id, coalesce(s.name, ''), t.reason, t.noted_at, t.until,
       t.until > clock_timestamp()
  FROM strategy_lease_notes t LEFT JOIN strategies s ON s.id = t.strategy_id
 WHERE t.until > clock_timestamp()
    OR t.noted_at > clock_timestamp() - %(shown)s::float8 * interval '1 second'
 ORDER BY t.node, t.strategy_id
"""


@dataclass(frozen=True, slots=True)
class Note:
    """Why a node does not run a strategy, for people; ``waits``: until ``until``."""

    strategy_id: int
    strategy: str
    reason: str
    noted_at: datetime
    until: datetime
    waits: bool


def note_write(strategy_id: int, node: str, reason: str) -> dict[str, str]:
    """Note that a node cannot run a strategy; return every reason in force, by node."""
    values = {"id": strategy_id, "node": node, "reason": reason}
    values |= {"first": FIRST, "longest": LONGEST}
    rows_of(WRITE, values)
    return dict(rows_of(IN_FORCE, values))


def notes_end(strategy_id: int) -> None:
    """Let every node try a strategy again when it is wanted again."""
    rows_of(END, {"id": strategy_id})


def notes_clear(strategy_id: int, node: str) -> None:
    """Forget what is not so any more: the strategy runs on ``node``."""
    rows_of(CLEAR, {"id": strategy_id, "node": node})


def notes_list() -> dict[str, list[Note]]:
    """Return the notes that are in force or of the last hour, by node."""
    found: dict[str, list[Note]] = {}
    for node, *values in rows_of(LIST, {"shown": SHOWN_SECONDS}):
        found.setdefault(node, []).append(Note(*values))
    return found


def all_reasons(reasons: dict[str, str]) -> str:
    """Return why no node can run a strategy, from each node's reason. Pure."""
    if len(reasons) == 1:
        return next(iter(reasons.values()))
    said = " ".join(
        f"{node}: {reason[:REASON_LENGTH].strip()}" for node, reason in reasons.items()
    )
    return f"No node can run it. {said}"

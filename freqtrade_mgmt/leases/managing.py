"""What people may do with nodes: look, empty one, give up what a lost one held."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.statements import rows_of
from freqtrade_mgmt.leases.models import LeaseNote, StrategyLease, SupervisorNode
from freqtrade_mgmt.leases.notes import Note, notes_list
from freqtrade_mgmt.leases.picture import DUTIES
from freqtrade_mgmt.leases.store import lease_limits
from notifications.dispatch import alert_resolve

if TYPE_CHECKING:
    from datetime import datetime

LIST: Final = """
SELECT n.name, n.address, n.capacity, n.draining, n.guards, n.started_at, n.seen_at,
       n.stopped_at, extract(epoch FROM clock_timestamp() - n.seen_at)::float8,
       (SELECT count(*) FROM strategy_leases l
         WHERE l.node = n.name AND l.strategy_id <> 0),
       EXISTS (SELECT FROM strategy_leases l WHERE l.node = n.name AND l.strategy_id = 0)
  FROM supervisor_nodes n ORDER BY n.name
"""


class NodeError(BtcWatcherError):
    """What was asked of a node cannot be done."""


@dataclass(frozen=True, slots=True)
class ListedNode:
    """A node for people. ``state`` is live, draining, silent, dead or stopped.

    ``bots`` is how many strategies it holds, ``duties`` whether it does what is done
    once for all, ``silent_for`` how many seconds ago it last said something, ``notes``
    what it could not start.
    """

    name: str
    state: str
    bots: int
    capacity: int
    duties: bool
    guards: bool
    draining: bool
    address: str
    started_at: datetime
    seen_at: datetime
    stopped_at: datetime | None
    silent_for: float
    notes: tuple[Note, ...] = ()


def nodes_list() -> list[ListedNode]:
    """Return the nodes by name; raises Django's database errors."""
    notes = notes_list()
    return [
        replace(node, notes=tuple(notes.get(node.name, ())))
        for node in map(_listed, rows_of(LIST, []))
    ]


def node_drain(name: str, *, draining: bool = True) -> None:
    """Have the bots of a node move to the others, one by one, or end that.

    Raises NodeError when there is no such node.
    """
    if not SupervisorNode.objects.filter(pk=name).update(draining=draining):
        raise _unknown(name)


@transaction.atomic
def node_release(name: str) -> int:
    """Give up what a lost node held and forget it; return how many strategies.

    Whoever asks knows that none of its bots runs any more. Raises NodeError for a node
    that lives, or is not known.
    """
    row = SupervisorNode.objects.select_for_update().filter(pk=name).first()
    held = StrategyLease.objects.filter(node=name)
    if row is None and not held.exists():
        raise _unknown(name)
    if row is not None and row.stopped_at is None and _silent_for(name) < _patience():
        raise NodeError(
            _("The node %(name)s lives. Empty it with: manage.py nodes drain %(name)s")
            % {"name": name}
        )
    given = held.exclude(pk=DUTIES).count()
    held.update(node=None, expires_at=None, guarded=False)
    LeaseNote.objects.filter(node=name).delete()
    if row is not None:
        row.delete()
    alert_resolve(key=f"node:{name}", now=timezone.now(), quiet=True)
    return given


def holders() -> list[str]:
    """Return the nodes that hold strategies, by name."""
    rows = StrategyLease.objects.exclude(pk=DUTIES).exclude(node=None)
    return sorted({str(name) for name in rows.values_list("node", flat=True)})


def _listed(row: tuple[Any, ...]) -> ListedNode:
    (
        name,
        address,
        capacity,
        draining,
        guards,
        started,
        seen,
        stopped,
        age,
        bots,
        duties,
    ) = row
    limits = lease_limits()
    if stopped is not None:
        state = "stopped"
    elif age >= limits.lease + limits.margin:
        state = "dead"
    elif age > 2 * limits.every:
        state = "silent"
    else:
        state = "draining" if draining else "live"
    return ListedNode(
        name=name,
        state=state,
        bots=bots,
        capacity=capacity,
        duties=duties,
        guards=guards,
        draining=draining,
        address=address,
        started_at=started,
        seen_at=seen,
        stopped_at=stopped,
        silent_for=max(0.0, age),
    )


def _silent_for(name: str) -> float:
    return next((n.silent_for for n in nodes_list() if n.name == name), float("inf"))


def _patience() -> float:
    limits = lease_limits()
    return limits.lease + limits.margin


def _unknown(name: str) -> NodeError:
    known = ", ".join(SupervisorNode.objects.values_list("pk", flat=True)) or "-"
    return NodeError(
        _("There is no node %(name)s. Known are: %(known)s.")
        % {"name": name, "known": known}
    )

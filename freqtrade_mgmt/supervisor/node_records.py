"""What the supervisor reads and tells about nodes, off its event loop."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from freqtrade_mgmt.leases.models import StrategyLease, SupervisorNode
from freqtrade_mgmt.upgrades.log import OPEN, operations
from notifications.dispatch import alert_raise, alert_resolve
from notifications.saying import Words
from strategies.lifecycle import WANTED_UP
from strategies.models import Status, StrategyProcess
from strategies.selectors import processes_open, strategies_all

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from freqtrade_mgmt.leases.picture import Limits, NodeSeen, Picture

# Leases that others may take are waited for so long before a dead node is told.
TAKEN_WITHIN = 2.0
USER_KNOWN = timedelta(days=7)


def operation_open() -> bool:
    """Tell whether an upgrade is under way or asked for."""
    return operations().filter(status__in=OPEN).exists()


def moved_settled(strategy_id: int, from_node: str) -> bool:
    """Tell whether a strategy that left a node runs on another one, or nowhere any more."""
    rows = strategies_all().filter(pk=strategy_id)
    status = rows.values_list("status", flat=True).first()
    if status not in WANTED_UP:
        return True
    elsewhere = processes_open().filter(strategy_id=strategy_id)
    elsewhere = elsewhere.exclude(resource_usage__node=from_node)
    return status == Status.RUNNING and elsewhere.exists()


def user_had(nodes: Collection[str]) -> bool:
    """Tell whether bots run or ran lately as a user of their own on any of these nodes."""
    rows = StrategyProcess.objects.filter(
        Q(start_time__gt=timezone.now() - USER_KNOWN) | Q(stop_time=None),
        resource_usage__own_user=True,
    )
    return rows.filter(resource_usage__node__in=sorted(nodes)).exists()


def nodes_tell(
    picture: Picture, limits: Limits, told: Mapping[str, Any]
) -> dict[str, Any]:
    """Raise and resolve the alerts about nodes; return what was told of each.

    ``told`` is what this returned before: nothing is said, and nothing asked, twice.
    """
    now: dict[str, Any] = {}
    for node in picture.nodes:
        if not node.dead(limits):
            now[node.name] = None
            if told.get(node.name, "?") is not None:
                alert_resolve(key=key_of(node.name), words=partial(_well, node.name))
            continue
        stuck = _stuck(picture, node, limits)
        if stuck is None:
            continue  # it is being taken over
        moved = _moved(node.name)
        now[node.name] = (stuck, moved)
        if told.get(node.name) != now[node.name]:
            alert_raise(
                key=key_of(node.name),
                priority="P0" if stuck else "P1",
                words=partial(_words, node.name, stuck, moved),
                context={"node": node.name, "moved": moved, "stuck": stuck},
            )
    return now


def key_of(name: str) -> str:
    """Return the key of the alert about a node."""
    return f"node:{name}"


def _stuck(picture: Picture, node: NodeSeen, limits: Limits) -> int | None:
    """Return how many strategies nobody may take from a dead node; None: wait a little."""
    left = [
        lease
        for lease in picture.leases.values()
        if lease.node == node.name and lease.strategy_id
    ]
    guarded = any(lease.guarded for lease in left)
    if guarded and node.age < TAKEN_WITHIN * limits.lease + limits.margin:
        return None
    return len(left)


def _moved(name: str) -> int:
    row = SupervisorNode.objects.filter(pk=name).first()
    if row is None:
        return 0
    taken = StrategyLease.objects.filter(came_from=name, taken_at__gt=row.seen_at)
    return taken.exclude(pk=0).count()


def _words(name: str, stuck: int, moved: int) -> Words:
    lines = []
    if moved:
        text = ngettext(
            "%(count)d strategy of it was taken over by another node.",
            "%(count)d strategies of it were taken over by other nodes.",
            moved,
        )
        lines.append(text % {"count": moved})
    if stuck:
        text = ngettext(
            "%(count)d strategy of it stands still: the node may still run it.",
            "%(count)d strategies of it stand still: the node may still run them.",
            stuck,
        )
        lines.append(text % {"count": stuck})
        cure = _(
            "Start it again. If the machine is gone for good, give its strategies to the"
            " others with: manage.py nodes release %(name)s --yes-really"
        )
    else:
        cure = _(
            "Start it again, or remove it with: manage.py nodes release %(name)s"
            " --yes-really"
        )
    lines.append(cure % {"name": name})
    title = _("The supervisor node %(name)s does not answer") % {"name": name}
    return Words(title, "\n".join(lines))


def _well(name: str) -> Words:
    return Words(_("The supervisor node %(name)s is back") % {"name": name})

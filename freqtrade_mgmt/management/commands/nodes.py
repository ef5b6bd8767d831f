"""``manage.py nodes``: the machines whose supervisors run bots."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from rich.cells import set_cell_size

from btc_watcher.lib.commands.base import PlainCommand, UsageError
from btc_watcher.lib.commands.helping import Example
from freqtrade_mgmt.leases.managing import (
    ListedNode,
    node_drain,
    node_release,
    nodes_list,
)

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

    from freqtrade_mgmt.leases.notes import Note


class Command(PlainCommand):
    """Lists nodes, empties them, and gives up what a lost one held."""

    help = gettext_lazy(
        "List the supervisor nodes; drain, undrain or release one of them."
    )
    examples = (
        Example(gettext_lazy("State, bots, last sign of life"), "nodes"),
        Example(
            gettext_lazy("Move its bots to the others, one by one"), "nodes drain tokyo"
        ),
        Example(gettext_lazy("Let it take bots again"), "nodes undrain tokyo"),
        Example(
            gettext_lazy("That machine is gone for good"),
            "nodes release tokyo --yes-really",
        ),
        Example(gettext_lazy("For a program"), "nodes --json"),
    )
    endings = {
        1: gettext_lazy("there is no such node, or it lives and is not given up"),
    }

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what can be done with a node, and --json."""
        parser.add_argument(
            "--json",
            action="store_true",
            help=_("print the list as a JSON array, what was done as an object"),
        )
        parser.add_argument(
            "action",
            nargs="?",
            choices=("list", "drain", "undrain", "release"),
            default="list",
            help=_(
                "drain: move its bots to the others, one by one; undrain: let it take"
                " bots again; release: give its strategies to the others, because that"
                " machine is gone for good"
            ),
        )
        parser.add_argument(
            "name", nargs="?", metavar="NAME", help=_("the name of the node")
        )
        parser.add_argument(
            "--yes-really",
            action="store_true",
            help=_("no bot of that machine runs any more"),
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it."""
        action, name = options["action"], options["name"]
        if action != "list" and not name:
            raise UsageError(
                _("Name the node: manage.py nodes %(action)s NAME") % {"action": action}
            )
        if action == "list":
            self._list(as_json=options["json"])
            return
        report: dict[str, Any] = {"node": name, "action": action}
        if action == "release":
            report["strategies"] = given = _released(name, sure=options["yes_really"])
            words = ngettext(
                "%(name)s is forgotten; %(count)d strategy goes to the other nodes.",
                "%(name)s is forgotten; %(count)d strategies go to the other nodes.",
                given,
            ) % {"name": name, "count": given}
        else:
            node_drain(name, draining=action == "drain")
            words = _drained(name, action)
        if options["json"]:
            self.tell_json(report)
        else:
            self.tell(words)

    def _list(self, *, as_json: bool) -> None:
        nodes = nodes_list()
        if as_json:
            self.tell_json([asdict(node) for node in nodes])
            return
        if not nodes:
            self.tell(_("No supervisor has run yet."))
        for node in nodes:
            self.tell(_line(node))
            for note in node.notes:
                self.tell(_note(note))


def _released(name: str, *, sure: bool) -> int:
    """Give the strategies of a lost node to the others; return how many."""
    if not sure:
        raise UsageError(
            _(
                "If a bot of %(name)s still runs, it will run twice. When that machine"
                " is gone for good, or its bots were ended, say --yes-really."
            )
            % {"name": name}
        )
    return node_release(name)


def _drained(name: str, action: str) -> str:
    words = (
        _("%(name)s is being emptied.")
        if action == "drain"
        else _("%(name)s takes bots again.")
    )
    return words % {"name": name}


def _note(note: Note) -> str:
    name = f"{note.strategy} ({note.strategy_id})"
    words = (
        _("could not start %(name)s, not before %(when)s UTC: %(reason)s")
        if note.waits
        else _("could not start %(name)s, may be tried again: %(reason)s")
    )
    facts = {"name": name, "when": f"{note.until:%H:%M:%S}", "reason": note.reason}
    return f"    {words % facts}"


def _line(node: ListedNode) -> str:
    marks = [
        word
        for word, is_so in (
            (_("does the work for all"), node.duties),
            (_("its bots end when it loses the database"), node.guards),
        )
        if is_so
    ]
    told = f"  ({'; '.join(marks)})" if marks else ""
    words = _("%(bots)s of %(capacity)d bots, last seen %(seconds)s s ago") % {
        "bots": f"{node.bots:>3}",
        "capacity": node.capacity,
        "seconds": f"{node.silent_for:.0f}",
    }
    return f"{set_cell_size(node.name, 24)} {node.state:<9} {words}{told}"

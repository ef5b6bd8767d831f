"""``manage.py nodes``: the machines whose supervisors run bots."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.leases.managing import (
    ListedNode,
    node_drain,
    node_release,
    nodes_list,
)

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

    from freqtrade_mgmt.leases.notes import Note


class Command(BaseCommand):
    """Lists nodes, empties them, and gives up what a lost one held."""

    help = "List the supervisor nodes; drain, undrain or release one of them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what can be done with a node, and --json."""
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument(
            "action",
            nargs="?",
            choices=("list", "drain", "undrain", "release"),
            default="list",
            help="drain: move its bots to the others, one by one; undrain: let it take"
            " bots again; release: give its strategies to the others, because that"
            " machine is gone for good",
        )
        parser.add_argument("name", nargs="?", help="the name of the node")
        parser.add_argument(
            "--yes-really",
            action="store_true",
            help="no bot of that machine runs any more",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it."""
        action, name = options["action"], options["name"]
        if action != "list" and not name:
            raise CommandError(f"Name the node: manage.py nodes {action} NAME")
        try:
            self._do(action, name, sure=options["yes_really"])
        except BtcWatcherError as error:
            raise CommandError(error.message) from error
        if action == "list":
            self._list(as_json=options["json"])

    def _do(self, action: str, name: str, *, sure: bool) -> None:
        if action == "release":
            if not sure:
                raise CommandError(
                    f"If a bot of {name} still runs, it will run twice. When that machine"
                    " is gone for good, or its bots were ended, say --yes-really."
                )
            given = node_release(name)
            self.stdout.write(
                f"{name} is forgotten; {given} strategies go to the other nodes."
            )
        elif action in {"drain", "undrain"}:
            node_drain(name, draining=action == "drain")
            words = "is being emptied" if action == "drain" else "takes bots again"
            self.stdout.write(f"{name} {words}.")

    def _list(self, *, as_json: bool) -> None:
        nodes = nodes_list()
        if as_json:
            rows = [asdict(node) for node in nodes]
            self.stdout.write(json.dumps(rows, indent=2, default=str))
            return
        if not nodes:
            self.stdout.write("No supervisor has run yet.")
        for node in nodes:
            self.stdout.write(_line(node))
            for note in node.notes:
                self.stdout.write(_note(note))


def _note(note: Note) -> str:
    name = f"{note.strategy} ({note.strategy_id})"
    when = (
        f"not before {note.until:%H:%M:%S} UTC" if note.waits else "may be tried again"
    )
    return f"    could not start {name}, {when}: {note.reason}"


def _line(node: ListedNode) -> str:
    marks = [
        word
        for word, is_so in (
            ("does the work for all", node.duties),
            ("its bots end when it loses the database", node.guards),
        )
        if is_so
    ]
    told = f"  ({'; '.join(marks)})" if marks else ""
    return (
        f"{node.name:<24} {node.state:<9} {node.bots:>3} of {node.capacity} bots,"
        f" last seen {node.silent_for:.0f} s ago{told}"
    )

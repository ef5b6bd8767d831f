"""Start, stop, restart and list strategies from a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from strategies.lifecycle import ACTIONS
from strategies.selectors import ListedStrategy, strategies_listed
from strategies.services import strategies_change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.management.base import CommandParser

COLUMNS = ("NAME", "STATUS", "VERSION", "EXCHANGE", "TIMEFRAME", "REASON")


class Command(BaseCommand):
    """``manage.py strategy ACTION NAME...``; waits for nothing."""

    help = (
        "Start, stop, restart or list strategies by name. Only what is wanted is"
        " written: the supervisor does it within seconds. Ends with an error when a"
        " strategy refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ACTION, NAME... and --all."""
        parser.add_argument("action", choices=[*ACTIONS, "list"])
        parser.add_argument("names", nargs="*", metavar="NAME")
        parser.add_argument("--all", action="store_true", help="every strategy")

    def handle(self, *, action: str, names: list[str], **options: Any) -> None:
        """Ask, or print the list; raises CommandError with the sentences."""
        if action == "list":
            self._print(strategies_listed() if not names else _found(names))
            return
        if bool(names) == bool(options["all"]):
            raise CommandError("Name the strategies, or give --all.")
        chosen = strategies_listed() if options["all"] else _found(names)
        changed = strategies_change([row.id for row in chosen], action)
        for strategy in changed.done:
            self.stdout.write(f"{strategy.name}: {strategy.status}")
        self.stdout.write(
            f"{len(changed.done)} of {len(chosen)} asked to {action},"
            f" {len(changed.refused)} refused."
        )
        if changed.refused:
            raise CommandError("\n".join(changed.refused))

    def _print(self, rows: Sequence[ListedStrategy]) -> None:
        lines = [COLUMNS, *(_cells(row) for row in rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS) - 1)]
        for line in lines:
            cells = [
                text.ljust(width) for text, width in zip(line, widths, strict=False)
            ]
            self.stdout.write("  ".join([*cells, line[-1]]).rstrip())
        self.stdout.write(f"{len(rows)} strategies.")


def _cells(row: ListedStrategy) -> tuple[str, ...]:
    return row.name, row.status, row.version, row.exchange, row.timeframe, row.reason


def _found(names: Sequence[str]) -> list[ListedStrategy]:
    """Return the strategies of these names, in whatever case; all of them or none."""
    known = {row.name.casefold(): row for row in strategies_listed()}
    unknown = [name for name in names if name.casefold() not in known]
    if unknown:
        raise CommandError(
            f"There is no strategy {', '.join(map(repr, unknown))}. Nothing was asked;"
            " see the names with: manage.py strategy list"
        )
    return [known[name.casefold()] for name in dict.fromkeys(names)]

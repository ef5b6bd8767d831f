"""Start, stop, restart and list strategies from a shell."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from rich.cells import cell_len, set_cell_size

from btc_watcher.lib.commands.base import PlainCommand, UsageError
from btc_watcher.lib.commands.helping import Example
from strategies.lifecycle import ACTIONS
from strategies.selectors import ListedStrategy, strategies_listed
from strategies.services import strategies_change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.management.base import CommandParser

    from strategies.services import Changed

COLUMNS = (
    pgettext_lazy("table", "NAME"),
    pgettext_lazy("table", "STATUS"),
    pgettext_lazy("table", "VERSION"),
    pgettext_lazy("table", "EXCHANGE"),
    pgettext_lazy("table", "TIMEFRAME"),
    pgettext_lazy("table", "PROCESS"),
    pgettext_lazy("table", "REASON"),
)


class Command(PlainCommand):
    """``manage.py strategy ACTION NAME...``; waits for nothing."""

    help = gettext_lazy(
        "Start, stop, restart or list strategies by name. Only what is wanted is"
        " written: the supervisor does it within seconds."
    )
    examples = (
        Example(gettext_lazy("What there is"), "strategy list"),
        Example(
            gettext_lazy("Start two, whatever the case of their names"),
            'strategy start "ema cross" breakout',
        ),
        Example(gettext_lazy("Stop everything"), "strategy stop --all"),
        Example(gettext_lazy("For a program"), "strategy list --json"),
    )
    endings = {
        0: gettext_lazy("all of them were asked; whether they run is in the list"),
        1: gettext_lazy("a strategy refused, or no strategy has this name"),
    }

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ACTION, NAME..., --all and --json."""
        parser.add_argument(
            "action", choices=[*ACTIONS, "list"], help=_("what to do with them")
        )
        parser.add_argument(
            "names", nargs="*", metavar="NAME", help=_("names of strategies")
        )
        parser.add_argument("--all", action="store_true", help=_("every strategy"))
        parser.add_argument(
            "--json",
            action="store_true",
            help=_("print the list as a JSON array, what was asked as an object"),
        )

    def handle(self, *, action: str, names: list[str], **options: Any) -> None:
        """Ask, or print the list; raises CommandError with the sentences."""
        if action == "list":
            rows = _found(names) if names else strategies_listed()
            self._print(rows, as_json=options["json"])
            return
        if bool(names) == bool(options["all"]):
            raise UsageError(_("Name the strategies, or give --all."))
        chosen = strategies_listed() if options["all"] else _found(names)
        changed = strategies_change([row.id for row in chosen], action)
        if options["json"]:
            self.tell_json(_figures(changed))
        else:
            self._told(changed, action, len(chosen))
        if changed.refused:
            raise CommandError("\n".join(changed.refused))

    def _told(self, changed: Changed, action: str, asked: int) -> None:
        for strategy in changed.done:
            self.tell(f"{strategy.name}: {strategy.status}")
        words = _("%(done)d of %(asked)d asked to %(action)s, %(refused)d refused.")
        self.tell(
            words
            % {
                "done": len(changed.done),
                "asked": asked,
                "action": action,
                "refused": len(changed.refused),
            }
        )

    def _print(self, rows: Sequence[ListedStrategy], *, as_json: bool) -> None:
        if as_json:
            self.tell_json([asdict(row) for row in rows])
            return
        lines = [tuple(map(str, COLUMNS)), *(_cells(row) for row in rows)]
        widths = [
            max(cell_len(line[i]) for line in lines) for i in range(len(COLUMNS) - 1)
        ]
        for line in lines:
            cells = [
                set_cell_size(text, width)
                for text, width in zip(line, widths, strict=False)
            ]
            self.tell("  ".join([*cells, line[-1]]).rstrip())
        words = ngettext("%(count)d strategy.", "%(count)d strategies.", len(rows))
        self.tell(words % {"count": len(rows)})


def _figures(changed: Changed) -> dict[str, Any]:
    return {
        "done": [{"name": each.name, "status": each.status} for each in changed.done],
        "refused": changed.refused,
    }


def _cells(row: ListedStrategy) -> tuple[str, ...]:
    own = _("own") if row.heartbeat else ""
    return (
        *(row.name, row.status, row.version, row.exchange, row.timeframe),
        row.shared_process or own,
        row.reason,
    )


def _found(names: Sequence[str]) -> list[ListedStrategy]:
    """Return the strategies of these names, in whatever case; all of them or none."""
    known = {row.name.casefold(): row for row in strategies_listed()}
    unknown = [name for name in names if name.casefold() not in known]
    if unknown:
        raise CommandError(
            _(
                "There is no strategy %(names)s. Nothing was asked; see the names with:"
                " manage.py strategy list"
            )
            % {"names": ", ".join(map(repr, unknown))}
        )
    return [known[name.casefold()] for name in dict.fromkeys(names)]

"""``manage.py restore``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import Example
from monitoring.backups.services import backup_restore
from monitoring.backups.steps import steps

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(PlainCommand):
    """Restores a backup."""

    help = gettext_lazy("Restore a backup: its name, its folder, or a file in it.")
    examples = (
        Example(
            gettext_lazy("Into a new database, to look at it"),
            "restore 20261123T031700Z --into look",
        ),
        Example(
            gettext_lazy("Into the live one, when it is gone or has no tables"),
            "restore 20261123T031700Z",
        ),
        Example(
            gettext_lazy("Replace the live one; what is there is kept aside"),
            "restore 20261123T031700Z --yes-really",
        ),
    )
    endings = {
        0: gettext_lazy("restored, and every table is as it was saved"),
        1: gettext_lazy("it failed; what was there before is there still"),
    }
    # What is broken may be the very database that is to be restored.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument(
            "file", metavar="FILE", help=_("a name, a folder, or a file")
        )
        parser.add_argument(
            "--into",
            default="",
            metavar="NAME",
            help=_("database to make (default: the live one)"),
        )
        parser.add_argument(
            "--yes-really",
            action="store_true",
            help=_("also when that database holds tables; it is kept under a new name"),
        )
        parser.add_argument(
            "--no-privileges",
            action="store_true",
            help=_("do not restore granted rights"),
        )
        parser.add_argument(
            "--json", action="store_true", help=_("print one JSON object")
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Restore and report."""
        with steps(shown=self.watched(options)) as say:
            done = backup_restore(
                options["file"],
                into=options["into"],
                replace=options["yes_really"],
                rights=not options["no_privileges"],
                say=say,
            )
        if options["json"]:
            self.tell_json(asdict(done))
            return
        words = ngettext(
            "%(database)s: %(rows)s row, every table as it was saved.",
            "%(database)s: %(rows)s rows, every table as it was saved.",
            done.rows,
        )
        lines = [words % {"database": done.database, "rows": f"{done.rows:,}"}]
        if done.aside:
            kept = _(
                "What was there is kept as %(name)s. When all is well: %(command)s"
            )
            command = f'DROP DATABASE "{done.aside}"'
            lines.append(kept % {"name": done.aside, "command": command})
        lines += done.notes
        self.tell("\n".join(lines))

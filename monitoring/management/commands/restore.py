"""``manage.py restore``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from btc_watcher.lib.errors import BtcWatcherError
from monitoring.backups.services import backup_restore
from monitoring.backups.steps import steps

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Restores a backup."""

    help = "Restore a backup: its name, its folder, or a file in it."
    # What is broken may be the very database that is to be restored.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument("file", metavar="FILE", help="a name, a folder, or a file")
        parser.add_argument(
            "--into",
            default="",
            metavar="NAME",
            help="database to make (default: live)",
        )
        parser.add_argument(
            "--yes-really",
            action="store_true",
            help="also when that database holds tables; it is kept under a new name",
        )
        parser.add_argument(
            "--no-privileges", action="store_true", help="do not restore granted rights"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Restore and report."""
        try:
            with steps(self.stdout) as say:
                done = backup_restore(
                    options["file"],
                    into=options["into"],
                    replace=options["yes_really"],
                    rights=not options["no_privileges"],
                    say=say,
                )
        except BtcWatcherError as error:
            raise CommandError(error.message) from error
        lines = [f"{done.database}: {done.rows:,} rows, every table as it was saved."]
        if done.aside:
            lines.append(
                f"What was there is kept as {done.aside}. When all is well:"
                f' DROP DATABASE "{done.aside}"'
            )
        lines += done.notes
        self.stdout.write("\n".join(lines))

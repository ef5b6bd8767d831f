"""``manage.py backup``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from btc_watcher.lib.errors import BtcWatcherError
from monitoring.backups.services import backup_make, backup_try
from monitoring.backups.shapes import State, megabytes
from monitoring.backups.steps import steps

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from monitoring.backups.shapes import Backup


class Command(BaseCommand):
    """Makes a backup and proves it."""

    help = "Back up PostgreSQL and Redis, and restore the backup on trial."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument(
            "--no-trial", action="store_true", help="do not restore it on trial"
        )
        parser.add_argument(
            "--try", dest="again", metavar="BACKUP", help="only try this one again"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Back up and report; fails unless every step worked."""
        try:
            with steps(self.stdout, quiet=options["json"]) as say:
                if options["again"]:
                    backup = backup_try(options["again"], say=say)
                else:
                    backup = backup_make(say=say, trial=not options["no_trial"])
        except BtcWatcherError as error:
            raise CommandError(error.message) from error
        figures = json.dumps(backup.figures(), ensure_ascii=False)
        self.stdout.write(figures if options["json"] else _text(backup))
        wanted = {State.GOOD, State.UNTRIED} if options["no_trial"] else {State.GOOD}
        if backup.state not in wanted:
            raise CommandError(backup.error)


def _text(backup: Backup) -> str:
    rows = backup.manifest.rows if backup.manifest else 0
    lines = [f"{backup.path}: {rows:,} rows in {megabytes(backup.size)}."]
    if backup.manifest and backup.manifest.redis_missing:
        lines.append(backup.manifest.redis_missing)
    if backup.trial and not backup.trial.error:
        seconds = backup.trial.seconds
        lines.append(f"Restored on trial in {seconds:.1f} s: every table has its rows.")
        lines += backup.trial.notes
    return "\n".join(lines)

"""``manage.py backup``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import Example
from monitoring.backups.services import backup_make, backup_try
from monitoring.backups.shapes import State, megabytes
from monitoring.backups.steps import steps

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from monitoring.backups.shapes import Backup


class Command(PlainCommand):
    """Makes a backup and proves it."""

    help = gettext_lazy(
        "Back up PostgreSQL and Redis, and restore the backup on trial."
    )
    examples = (
        Example(gettext_lazy("A new backup, with the trial"), "backup"),
        Example(
            gettext_lazy("From a script: the answer as JSON, no trial"),
            "backup --no-trial --json",
        ),
        Example(
            gettext_lazy("Restore an earlier one on trial again"),
            "backup --try 20261123T031700Z",
        ),
    )
    endings = {
        0: gettext_lazy("every step worked, the trial too"),
        1: gettext_lazy("a step failed, or what was restored is not what was saved"),
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument(
            "--no-trial", action="store_true", help=_("do not restore it on trial")
        )
        parser.add_argument(
            "--try",
            dest="again",
            metavar="BACKUP",
            help=_("make none, and restore this one on trial again"),
        )
        parser.add_argument(
            "--json", action="store_true", help=_("print one JSON object")
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Back up and report; fails unless every step worked."""
        with steps(shown=self.watched(options)) as say:
            if options["again"]:
                backup = backup_try(options["again"], say=say)
            else:
                backup = backup_make(say=say, trial=not options["no_trial"])
        if options["json"]:
            self.tell_json(backup.figures())
        else:
            self.tell(_text(backup))
        wanted = {State.GOOD, State.UNTRIED} if options["no_trial"] else {State.GOOD}
        if backup.state not in wanted:
            raise CommandError(backup.error)


def _text(backup: Backup) -> str:
    rows = backup.manifest.rows if backup.manifest else 0
    words = ngettext(
        "%(path)s: %(rows)s row in %(size)s.",
        "%(path)s: %(rows)s rows in %(size)s.",
        rows,
    )
    size = megabytes(backup.size)
    lines = [words % {"path": backup.path, "rows": f"{rows:,}", "size": size}]
    if backup.manifest and backup.manifest.redis_missing:
        lines.append(backup.manifest.redis_missing)
    if backup.trial and not backup.trial.error:
        told = _("Restored on trial in %(seconds)s s: every table has its rows.")
        lines.append(told % {"seconds": f"{backup.trial.seconds:.1f}"})
        lines += backup.trial.notes
    return "\n".join(lines)

"""``manage.py rotate_partitions``."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import Example
from btc_watcher.lib.partitions import TABLES
from monitoring.partitions.journal import COMMAND, rotation_note
from monitoring.partitions.rotation import STEPS, partitions_rotate

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from monitoring.partitions.rotation import TableRotation


class Command(PlainCommand):
    """Makes the monthly partitions that are missing and retires those that may go."""

    help = gettext_lazy(
        "Make the partitions of the coming months, and retire those older than is kept."
    )
    examples = (
        Example(
            gettext_lazy("Show what would be done, change nothing"),
            "rotate_partitions --dry-run",
        ),
        Example(gettext_lazy("Do it"), "rotate_partitions"),
        Example(
            gettext_lazy("From a script: one JSON object in a line for each table"),
            "rotate_partitions --json",
        ),
    )
    endings = {
        0: gettext_lazy("done, or another rotation is at work"),
        1: gettext_lazy("a table could not be done; all the others were"),
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help=_("show the plan, change nothing"),
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help=_("print one JSON object per table, each in a line"),
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Rotate and report; fails when a table could not be done."""
        started = timezone.now()
        rotations = self._rotations(options)
        if not options["dry_run"]:
            rotation_note(rotations, started=started, by=COMMAND)
        reports = [rotation.figures() for rotation in rotations]
        text = _planned if options["dry_run"] else _done
        for report in reports:
            self.tell(json.dumps(report) if options["json"] else text(report))
        errors = [report["error"] for report in reports if report["error"]]
        if errors:
            raise CommandError(" ".join(errors))

    def _rotations(self, options: dict[str, Any]) -> list[TableRotation]:
        with self.bar("", options, total=STEPS * len(TABLES)) as bar:
            steps = count()
            return partitions_rotate(
                dry_run=options["dry_run"],
                told=lambda table: bar(next(steps), title=table),
            )


def _planned(report: dict[str, Any]) -> str:
    return f"{report['table']}: {'; '.join(report['plan']) or _('nothing to do')}"


def _done(report: dict[str, Any]) -> str:
    """Tell what came of it, which may be less than was planned."""
    if report["busy"]:
        busy = _("another rotation is at work, nothing was done")
        return f"{report['table']}: {busy}"
    steps = [
        words % {"names": ", ".join(report[key])}
        for key, words in (
            ("created", _("made %(names)s")),
            ("finished", _("finished the detach of %(names)s")),
            ("dropped", _("dropped %(names)s")),
            ("kept_detached", _("detached and kept %(names)s")),
            ("discarded", _("dropped the leftovers %(names)s")),
        )
        if report[key]
    ]
    if rows := report["moved_rows"]:
        words = ngettext(
            "moved %(rows)s row out of the safety net",
            "moved %(rows)s rows out of the safety net",
            rows,
        )
        steps.append(words % {"rows": f"{rows:,}"})
    if report["error"]:
        steps.append(_("not all of it could be done"))
    return f"{report['table']}: {'; '.join(steps) or _('nothing to do')}"

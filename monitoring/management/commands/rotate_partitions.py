"""``manage.py rotate_partitions``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from btc_watcher.lib.errors import BtcWatcherError
from monitoring.partitions.journal import COMMAND, rotation_note
from monitoring.partitions.rotation import partitions_rotate

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Makes the monthly partitions that are missing and retires those that may go."""

    help = (
        "Make the partitions of the coming months, and retire those older than is kept."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument(
            "--dry-run", action="store_true", help="show the plan, change nothing"
        )
        parser.add_argument(
            "--json", action="store_true", help="print one JSON object per table"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Rotate and report; fails when a table could not be done."""
        started = timezone.now()
        try:
            rotations = partitions_rotate(dry_run=options["dry_run"])
        except BtcWatcherError as error:
            raise CommandError(error.message) from error
        if not options["dry_run"]:
            rotation_note(rotations, started=started, by=COMMAND)
        reports = [rotation.figures() for rotation in rotations]
        text = _planned if options["dry_run"] else _done
        for report in reports:
            self.stdout.write(json.dumps(report) if options["json"] else text(report))
        errors = [report["error"] for report in reports if report["error"]]
        if errors:
            raise CommandError(" ".join(errors))


def _planned(report: dict[str, Any]) -> str:
    return f"{report['table']}: {'; '.join(report['plan']) or 'nothing to do'}"


def _done(report: dict[str, Any]) -> str:
    """Tell what came of it, which may be less than was planned."""
    if report["busy"]:
        return f"{report['table']}: another rotation is at work, nothing was done"
    steps = [
        f"{words} {', '.join(report[key])}"
        for key, words in (
            ("created", "made"),
            ("finished", "finished the detach of"),
            ("dropped", "dropped"),
            ("kept_detached", "detached and kept"),
            ("discarded", "dropped the leftovers"),
        )
        if report[key]
    ]
    if report["moved_rows"]:
        steps.append(f"moved {report['moved_rows']:,} rows out of the safety net")
    if report["error"]:
        steps.append("not all of it could be done")
    return f"{report['table']}: {'; '.join(steps) or 'nothing to do'}"

"""``manage.py rotate_partitions``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from btc_watcher.lib.errors import BtcWatcherError
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
        try:
            rotations = partitions_rotate(dry_run=options["dry_run"])
        except BtcWatcherError as error:
            raise CommandError(error.message) from error
        reports = [rotation.figures() for rotation in rotations]
        for report in reports:
            self.stdout.write(json.dumps(report) if options["json"] else _text(report))
        errors = [report["error"] for report in reports if report["error"]]
        if errors:
            raise CommandError(" ".join(errors))


def _text(report: dict[str, Any]) -> str:
    if report["busy"]:
        return f"{report['table']}: another rotation is at work, nothing was done"
    steps = "; ".join(report["plan"]) or "nothing to do"
    return f"{report['table']}: {steps}"

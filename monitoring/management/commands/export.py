"""``manage.py export signals --from … --to … --format csv|parquet``."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from btc_watcher.lib.errors import BtcWatcherError
from monitoring.partitions.export import FORMATS, TABLES, Exported, rows_export

if TYPE_CHECKING:
    from argparse import ArgumentParser


def moment(text: str) -> datetime:
    """Return the time that ``text`` names (ISO 8601); without an offset it is UTC."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(
            f"{text!r} is no time; write 2026-11-01 or 2026-11-01T12:00+08:00."
        ) from error
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Command(BaseCommand):
    """Writes the rows of a range of time to a file."""

    help = "Export rows of a range of time to a CSV or Parquet file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument("table", choices=sorted(TABLES), help="what to export")
        parser.add_argument("--from", dest="begin", required=True, help="first moment")
        parser.add_argument(
            "--to", dest="end", default="", help="first moment not wanted (now)"
        )
        parser.add_argument(
            "--format",
            dest="form",
            choices=FORMATS,
            default="csv",
            help="csv has an apostrophe before text that looks like a formula",
        )
        parser.add_argument(
            "--output", default="", help="the file (TABLE_FROM_TO.FORMAT here)"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Export, with a progress bar on a terminal."""
        begin = moment(options["begin"])
        end = moment(options["end"]) if options["end"] else timezone.now()
        kind = options["form"].partition("-")[0]
        name = f"{options['table']}_{begin:%Y%m%d}_{end:%Y%m%d}.{kind}"
        path = Path(options["output"] or name)
        started = time.monotonic()
        # The bar goes to the error stream, so that output can be piped.
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        try:
            with bar:
                task = bar.add_task(options["table"], total=None)

                def told(*, rows: int, expected: int, partition: str) -> None:
                    bar.update(
                        task, completed=rows, total=expected, description=partition
                    )

                done = rows_export(
                    table=options["table"],
                    begin=begin,
                    end=end,
                    path=path,
                    form=options["form"],
                    told=told,
                )
        except BtcWatcherError as error:
            raise CommandError(error.message) from error
        self._report(done, time.monotonic() - started, as_json=options["json"])

    def _report(self, done: Exported, seconds: float, *, as_json: bool) -> None:
        if as_json:
            figures = asdict(done) | {"seconds": round(seconds, 3)}
            self.stdout.write(json.dumps(figures))
            return
        self.stdout.write(
            f"{done.rows} rows of {len(done.partitions)} partitions in {done.path}"
            f" ({done.bytes / 1e6:.1f} MB, {seconds:.1f} s)"
        )

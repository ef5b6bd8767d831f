"""``manage.py export signals --from … --to … --format csv|parquet``."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import Example
from btc_watcher.lib.commands.times import range_arguments, range_of
from monitoring.partitions.export import FORMATS, TABLES, Exported, rows_export

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from btc_watcher.lib.commands.progress import Bar
    from monitoring.partitions.export import Told


class Command(PlainCommand):
    """Writes the rows of a range of time to a file."""

    help = gettext_lazy(
        "Export signals, their outcomes, or what people did with them (choices) of a"
        " range of time to a CSV or Parquet file that only you can read."
    )
    examples = (
        Example(
            gettext_lazy("The signals of October, into a CSV file here"),
            "export signals --from 2026-10-01 --to 2026-11-01",
        ),
        Example(
            gettext_lazy("Their outcomes since then, with types, for a program"),
            "export outcomes --from 2026-10-01 --format parquet --json",
        ),
        Example(
            gettext_lazy("Who took or skipped what on one day in Shanghai"),
            "export choices --from 2026-11-22T00:00+08:00 --to 2026-11-23T00:00+08:00"
            " --output choices.csv",
        ),
    )
    endings = {
        0: gettext_lazy("the file is complete, also when there was no row"),
        1: gettext_lazy("there is no file"),
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument("table", choices=list(TABLES), help=_("what to export"))
        range_arguments(parser)
        parser.add_argument(
            "--format",
            dest="form",
            choices=FORMATS,
            default="csv",
            help=_(
                "csv (default) has an apostrophe before text that looks like a formula,"
                " csv-raw is what is stored"
            ),
        )
        parser.add_argument(
            "--output",
            metavar="FILE",
            default="",
            help=_("the file (default: TABLE_FROM_TO.FORMAT, here)"),
        )
        parser.add_argument(
            "--json", action="store_true", help=_("print one JSON object")
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Export, with a progress bar on a terminal."""
        begin, end = range_of(options)
        kind = options["form"].partition("-")[0]
        name = f"{options['table']}_{begin:%Y%m%d}_{end:%Y%m%d}.{kind}"
        started = time.monotonic()
        with self.bar(options["table"], options) as bar:
            done = rows_export(
                table=options["table"],
                begin=begin,
                end=end,
                path=Path(options["output"] or name),
                form=options["form"],
                told=_shown(bar),
            )
        seconds = time.monotonic() - started
        if options["json"]:
            self.tell_json(asdict(done) | {"seconds": round(seconds, 3)})
        else:
            self.tell(_text(done, seconds))


def _shown(bar: Bar) -> Told:
    def told(*, rows: int, expected: int, partition: str) -> None:
        bar(rows, total=expected, title=partition)

    return told


def _text(done: Exported, seconds: float) -> str:
    words = ngettext(
        "%(rows)s row in %(path)s (%(megabytes)s MB, %(seconds)s s)",
        "%(rows)s rows in %(path)s (%(megabytes)s MB, %(seconds)s s)",
        done.rows,
    )
    return words % {
        "rows": f"{done.rows:,}",
        "path": done.path,
        "megabytes": f"{done.bytes / 1e6:.1f}",
        "seconds": f"{seconds:.1f}",
    }

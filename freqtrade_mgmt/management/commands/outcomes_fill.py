"""``manage.py outcomes_fill --from … [--to …]``: the outcomes of signals of the past."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
)
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from freqtrade_mgmt.outcomes.past import BATCH, Filled, past_fill
from strategies.models import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE: Final = """
Example: the last week of one strategy, then everything of October.

  manage.py outcomes_fill --from 2026-11-16 --strategy "ema cross"
  manage.py outcomes_fill --from 2026-10-01 --to 2026-11-01 --json

New signals need no command: the schedule fills them as their candles close. A bot holds
about a thousand candles; signals whose candles are older than that are closed as
unknown. Ended at any point, the command goes on where it was when it is run again.
"""


class Formatter(DjangoHelpFormatter):
    """Leaves the lines of the example as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text == EXAMPLE:
            return "\n".join(indent + line for line in text.strip().splitlines())
        return super()._fill_text(text, width, indent)


class Command(BaseCommand):
    """Opens and fills outcomes of stored signals, a batch at a time."""

    help = "Fill the outcomes of signals of the past from the candles that bots hold."

    def create_parser(self, *arguments: Any, **options: Any) -> CommandParser:
        """Add the example below the options."""
        return super().create_parser(
            *arguments, epilog=EXAMPLE, formatter_class=Formatter, **options
        )

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the options."""
        parser.add_argument(
            "--from", dest="since", required=True, help="first moment (ISO 8601, UTC)"
        )
        parser.add_argument(
            "--to", dest="until", default="", help="first moment not wanted (now)"
        )
        parser.add_argument("--strategy", default="", help="only this one, by name")
        parser.add_argument(
            "--again",
            action="store_true",
            help="look once more at what was closed as unknown or with gaps",
        )
        parser.add_argument(
            "--batch", type=int, default=BATCH, help="signals at a time (%(default)s)"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Fill, with a progress bar on a terminal."""
        since = moment(options["since"])
        until = moment(options["until"]) if options["until"] else timezone.now()
        if since >= until:
            raise CommandError(
                f"The range from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} is"
                " empty; the end must be later than the beginning."
            )
        if not 1 <= options["batch"] <= BATCH:
            raise CommandError(f"--batch is {options['batch']}; give 1 to {BATCH}.")
        begun = time.monotonic()
        done = Filled()
        steps = past_fill(
            since=since,
            until=until,
            strategy_id=strategy_of(options["strategy"]),
            again=options["again"],
            batch=options["batch"],
        )
        for step in shown(steps, since, until):
            done = step
        self._report(done, time.monotonic() - begun, as_json=options["json"])

    def _report(self, done: Filled, seconds: float, *, as_json: bool) -> None:
        if as_json:
            figures = done.as_dict() | {"seconds": round(seconds, 3)}
            self.stdout.write(json.dumps(figures))
            return
        self.stdout.write(
            f"{done.read} signals read, {done.opened} had no outcome; {done.written}"
            f" outcomes written, {done.final} of them final ({seconds:.1f} s)."
        )


def shown(
    steps: Iterator[Filled], since: datetime, until: datetime
) -> Iterator[Filled]:
    """Pass on the steps, and show on the error stream how far they are in time."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("signals", total=(until - since).total_seconds())
        for step in steps:
            at = step.last or until
            bar.update(
                task,
                completed=(at - since).total_seconds(),
                description=f"{step.read} signals, up to {at:%Y-%m-%d %H:%M}",
            )
            yield step


def moment(text: str) -> datetime:
    """Return the time that ``text`` names (ISO 8601); without an offset it is UTC."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(
            f"{text!r} is no time; write 2026-11-01 or 2026-11-01T12:00+08:00."
        ) from error
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def strategy_of(name: str) -> int | None:
    """Return the number of the strategy of this name; None when no name is given."""
    if not name:
        return None
    found = Strategy.objects.filter(name=name).order_by("pk").first()
    if found is None:
        raise CommandError(
            f"There is no strategy {name!r}; see the names with: manage.py strategy list"
        )
    return found.pk

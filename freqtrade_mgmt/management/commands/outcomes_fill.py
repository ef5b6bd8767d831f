"""``manage.py outcomes_fill --from … [--to …]``: the outcomes of signals of the past."""

from __future__ import annotations

import time
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import Example
from btc_watcher.lib.commands.times import range_arguments, range_of
from freqtrade_mgmt.outcomes.past import BATCH, Filled, past_fill
from strategies.models import Strategy

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(PlainCommand):
    """Opens and fills outcomes of stored signals, a batch at a time."""

    help = gettext_lazy(
        "Fill the outcomes of signals of the past from the candles that bots hold, about"
        " a thousand; signals whose candles are older are closed as unknown. New signals"
        " need no command. Ended at any point, it goes on where it was when it is run"
        " again."
    )
    examples = (
        Example(
            gettext_lazy("One strategy, since a day"),
            'outcomes_fill --from 2026-11-16 --strategy "ema cross"',
        ),
        Example(
            gettext_lazy("Everything of October"),
            "outcomes_fill --from 2026-10-01 --to 2026-11-01 --json",
        ),
    )
    endings = {
        0: gettext_lazy("all signals of that time were looked at"),
    }

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the options."""
        range_arguments(parser)
        parser.add_argument(
            "--strategy",
            metavar="NAME",
            default="",
            help=_("only this one, by name"),
        )
        parser.add_argument(
            "--again",
            action="store_true",
            help=_("look once more at what was closed as unknown or with gaps"),
        )
        parser.add_argument(
            "--batch",
            metavar="N",
            type=batch,
            default=BATCH,
            help=_("signals at a time (default: %(default)s)"),
        )
        parser.add_argument(
            "--json", action="store_true", help=_("print one JSON object")
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Fill, with a progress bar on a terminal."""
        since, until = range_of(options)
        begun = time.monotonic()
        done = Filled()
        steps = past_fill(
            since=since,
            until=until,
            strategy_id=strategy_of(options["strategy"]),
            again=options["again"],
            batch=options["batch"],
        )
        total = (until - since).total_seconds()
        with self.bar(_("signals"), options, total=total) as bar:
            bar(0)
            for step in steps:
                done = step
                at = step.last or until
                words = _("%(count)d signals, up to %(when)s") % {
                    "count": step.read,
                    "when": f"{at:%Y-%m-%d %H:%M}",
                }
                bar((at - since).total_seconds(), title=words)
        self._report(done, time.monotonic() - begun, as_json=options["json"])

    def _report(self, done: Filled, seconds: float, *, as_json: bool) -> None:
        if as_json:
            self.tell_json(done.as_dict() | {"seconds": round(seconds, 3)})
            return
        words = _(
            "%(read)d signals read, %(opened)d had no outcome; %(written)d outcomes"
            " written, %(final)d of them final (%(seconds)s s)."
        )
        self.tell(words % {**done.as_dict(), "seconds": f"{seconds:.1f}"})


def batch(text: str) -> int:
    """Return a number of signals at a time; ArgumentTypeError for one that cannot be."""
    count = int(text) if text.isdecimal() and len(text) < 10 else 0
    if not 1 <= count <= BATCH:
        raise ArgumentTypeError(
            _("%(text)r cannot be; give 1 to %(most)d.") % {"text": text, "most": BATCH}
        )
    return count


def strategy_of(name: str) -> int | None:
    """Return the number of the strategy of this name; None when no name is given."""
    if not name:
        return None
    found = Strategy.objects.filter(name=name).order_by("pk").first()
    if found is None:
        raise CommandError(
            _(
                "There is no strategy %(name)r; see the names with: manage.py strategy"
                " list"
            )
            % {"name": name}
        )
    return found.pk

"""``manage.py freqtrade rollback``: back to the version before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.commands.helping import Example
from freqtrade_mgmt.management.following import carried_out
from freqtrade_mgmt.models import FreqtradeUpgrade
from freqtrade_mgmt.upgrades.asking import rollback_request
from freqtrade_mgmt.upgrades.reading import upgrade_last_completed, upgrade_open

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.management.base import CommandParser

    from freqtrade_mgmt.management.terminal import Output

HELP = gettext_lazy(
    "Take all strategies back to the release before an upgrade, while it goes on or after"
    " its end. Before anything was moved, this cancels it."
)
EXAMPLES = (
    Example(
        gettext_lazy("The operation under way, else the last"), "freqtrade rollback"
    ),
    Example(gettext_lazy("One by its number in the history"), "freqtrade rollback 12"),
)
ENDINGS = {
    0: gettext_lazy("everything runs on the release before again"),
    1: gettext_lazy("it did not come to that; a sentence says why"),
}


def arguments(parser: CommandParser) -> None:
    """Add ID."""
    parser.add_argument(
        "id",
        nargs="?",
        type=int,
        metavar="ID",
        help=_("number of the operation (default: the one under way, else the last)"),
    )


def run(options: Mapping[str, Any], output: Output) -> None:
    """Ask for the way back and follow it."""
    number, nothing_moved = options["id"], False
    under_way = upgrade_open()
    if number is None and under_way is not None:
        number = under_way.id
    if number is None:
        number = upgrade_last_completed()
    if number is None:
        raise CommandError(_("There is no upgrade to go back from."))
    if under_way is not None and under_way.id == number:
        nothing_moved = under_way.can_cancel
    state = FreqtradeUpgrade.Status
    carried_out(
        lambda: rollback_request(number),
        output,
        wanted=state.FAILED if nothing_moved else state.ROLLED_BACK,
        json=options["json"],
    )

"""``manage.py freqtrade check``: would the strategies run on another release?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.commands.helping import Example
from freqtrade_mgmt.management.following import carried_out
from freqtrade_mgmt.models import FreqtradeUpgrade
from freqtrade_mgmt.upgrades.asking import check_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.management.base import CommandParser

    from freqtrade_mgmt.management.terminal import Output

HELP = gettext_lazy(
    "Load every strategy without a pin in an installed release, each in a trial of its"
    " own. Nothing is moved."
)
EXAMPLES = (
    Example(
        gettext_lazy("Would everything run on this release?"), "freqtrade check 2026.9"
    ),
)
ENDINGS = {
    0: gettext_lazy("all of them load"),
    1: gettext_lazy("one does not load, or the release is not installed"),
}


def arguments(parser: CommandParser) -> None:
    """Add VERSION."""
    parser.add_argument(
        "version", metavar="VERSION", help=_("an installed release, such as 2026.9")
    )


def run(options: Mapping[str, Any], output: Output) -> None:
    """Ask for the check and follow it."""
    carried_out(
        lambda: check_request(options["version"]),
        output,
        wanted=FreqtradeUpgrade.Status.COMPLETED,
        json=options["json"],
    )

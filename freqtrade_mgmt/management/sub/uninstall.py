"""``manage.py freqtrade uninstall``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.commands.helping import Example
from freqtrade_mgmt.releases import version_checked
from freqtrade_mgmt.services import uninstall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.management.base import CommandParser

    from freqtrade_mgmt.management.terminal import Output

HELP = gettext_lazy("Remove a release, unless it is in use.")
EXAMPLES = (
    Example(gettext_lazy("One that nobody uses"), "freqtrade uninstall 2026.7"),
)
ENDINGS = {
    0: gettext_lazy("it is not there, whether it was or not"),
    1: gettext_lazy("it is in use, or could not be removed"),
}


def arguments(parser: CommandParser) -> None:
    """Add VERSION and --give-up-rollback."""
    parser.add_argument("version", metavar="VERSION", help=_("such as 2026.9"))
    parser.add_argument(
        "--give-up-rollback",
        action="store_true",
        help=_("remove it although the last upgrade could be rolled back to it"),
    )


def run(options: Mapping[str, Any], output: Output) -> None:
    """Remove it, and say whether there was something."""
    version = version_checked(options["version"])
    removed = uninstall(version, give_up_rollback=options["give_up_rollback"])
    words = (
        _("freqtrade %(version)s was removed.")
        if removed
        else _("freqtrade %(version)s was not installed.")
    )
    output.line(words % {"version": version})
    if options["json"]:
        output.json({"version": version, "removed": removed})

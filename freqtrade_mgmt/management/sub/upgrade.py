"""``manage.py freqtrade upgrade``: also the way to an older release."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.commands.base import UsageError
from btc_watcher.lib.commands.helping import Example
from freqtrade_mgmt.management.following import carried_out
from freqtrade_mgmt.models import FreqtradeUpgrade
from freqtrade_mgmt.selectors import current_version
from freqtrade_mgmt.upgrades.asking import WATCH_SECONDS, upgrade_request
from strategies.selectors import strategies_by_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.management.base import CommandParser

    from freqtrade_mgmt.management.terminal import Output

HELP = gettext_lazy(
    "Move all strategies without a pin to an installed release, newer or older: check,"
    " backup, one strategy as a canary, then the rest one by one. If anything goes wrong,"
    " all go back."
)
EXAMPLES = (
    Example(gettext_lazy("Be asked, then move everything"), "freqtrade upgrade 2026.9"),
    Example(
        gettext_lazy("One strategy goes first and is watched for an hour; do not ask"),
        'freqtrade upgrade 2026.9 --canary "ema cross" --watch 3600 --yes',
    ),
)
ENDINGS = {
    0: gettext_lazy("all were moved"),
    1: gettext_lazy("none was moved, or all went back"),
}


def arguments(parser: CommandParser) -> None:
    """Add VERSION and what can be chosen."""
    parser.add_argument(
        "version",
        metavar="VERSION",
        help=_("an installed release, such as 2026.9"),
    )
    parser.add_argument(
        "--canary",
        metavar="NAME",
        help=_("name of the strategy that goes first"),
    )
    parser.add_argument(
        "--watch",
        type=int,
        default=WATCH_SECONDS,
        metavar="SECONDS",
        help=_("for how long the canary is watched (default: %(default)s)"),
    )
    parser.add_argument(
        "--leave-failing",
        action="store_true",
        help=_("pin strategies that do not load on the new release to the old one"),
    )
    parser.add_argument("--yes", action="store_true", help=_("do not ask before"))


def run(options: Mapping[str, Any], output: Output) -> None:
    """Ask for the upgrade and follow it."""
    version, canary = options["version"], _strategy(options["canary"])
    if not options["yes"]:
        _confirm(version)
    carried_out(
        lambda: upgrade_request(
            version,
            canary=canary,
            watch_seconds=options["watch"],
            leave_failing=options["leave_failing"],
        ),
        output,
        wanted=FreqtradeUpgrade.Status.COMPLETED,
        json=options["json"],
    )


def _strategy(name: str | None) -> int | None:
    if name is None:
        return None
    found = strategies_by_name([name]).get(name)
    if found is None:
        raise CommandError(_("There is no strategy named %(name)r.") % {"name": name})
    return found.pk


def _confirm(version: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(_("Add --yes to upgrade without being asked."))
    question = _("Move from freqtrade %(current)s to %(version)s? [y/N]")
    said = _asked(question % {"current": current_version(), "version": version} + " ")
    if said.strip().lower() not in {"y", "yes"}:
        raise CommandError(_("Nothing was done."))


def _asked(question: str) -> str:
    # The answer alone goes to standard output.
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()

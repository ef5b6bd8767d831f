"""``manage.py freqtrade upgrade``: also the way to an older release."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from freqtrade_mgmt.management.following import carried_out
from freqtrade_mgmt.models import FreqtradeUpgrade
from freqtrade_mgmt.selectors import current_version
from freqtrade_mgmt.upgrades.asking import WATCH_SECONDS, upgrade_request
from strategies.selectors import strategies_by_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.management.base import CommandParser

    from freqtrade_mgmt.management.terminal import Output

HELP = (
    "Move all strategies without a pin to an installed release, newer or older: check,"
    " backup, one strategy as a canary, then the rest one by one. If anything goes wrong,"
    " all go back. Ends with 0 when all were moved."
)


def arguments(parser: CommandParser) -> None:
    """Add VERSION and what can be chosen."""
    parser.add_argument("version", help="an installed release, such as 2026.9")
    parser.add_argument("--canary", help="name of the strategy that goes first")
    parser.add_argument(
        "--watch",
        type=int,
        default=WATCH_SECONDS,
        metavar="SECONDS",
        help=f"for how long the canary is watched (default: {WATCH_SECONDS})",
    )
    parser.add_argument(
        "--leave-failing",
        action="store_true",
        help="pin strategies that do not load on the new release to the old one",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before")


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
        raise CommandError(f"There is no strategy named {name!r}.")
    return found.pk


def _confirm(version: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError("Add --yes to upgrade without being asked.")
    said = input(f"Move from freqtrade {current_version()} to {version}? [y/N] ")
    if said.strip().lower() not in {"y", "yes"}:
        raise CommandError("Nothing was done.")

"""``manage.py freqtrade uninstall``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freqtrade_mgmt.releases import version_checked
from freqtrade_mgmt.services import uninstall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.management.base import CommandParser

    from freqtrade_mgmt.management.terminal import Output

HELP = "Remove a release, unless it is in use."


def arguments(parser: CommandParser) -> None:
    """Add VERSION and --give-up-rollback."""
    parser.add_argument("version", help="such as 2026.9")
    parser.add_argument(
        "--give-up-rollback",
        action="store_true",
        help="remove it although the last upgrade could be rolled back to it",
    )


def run(options: Mapping[str, Any], output: Output) -> None:
    """Remove it, and say whether there was something."""
    version = version_checked(options["version"])
    removed = uninstall(version, give_up_rollback=options["give_up_rollback"])
    output.line(
        f"freqtrade {version} was removed."
        if removed
        else f"freqtrade {version} was not installed."
    )
    if options["json"]:
        output.json({"version": version, "removed": removed})

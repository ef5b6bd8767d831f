"""``manage.py freqtrade history``: upgrades, downgrades and checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.commands.helping import Example
from freqtrade_mgmt.upgrades.reading import upgrades_listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.management.base import CommandParser

    from freqtrade_mgmt.management.terminal import Output
    from freqtrade_mgmt.upgrades.reading import UpgradeShown

HELP = gettext_lazy(
    "List upgrades, downgrades and checks, the newest first; --json prints an array."
)
EXAMPLES = (
    Example(gettext_lazy("The last five"), "freqtrade history --limit 5"),
    Example(gettext_lazy("For a program"), "freqtrade history --json"),
)


def arguments(parser: CommandParser) -> None:
    """Add --limit."""
    parser.add_argument(
        "--limit",
        type=int,
        default=20,
        metavar="N",
        help=_("how many at most (default: 20)"),
    )


def run(options: Mapping[str, Any], output: Output) -> None:
    """Print them."""
    listed = upgrades_listed(max(0, options["limit"]))
    if options["json"]:
        output.json([each.as_dict() for each in listed])
        return
    for each in listed:
        output.line(_line(each))
        if each.error:
            output.line(f"     {each.error}")
    if not listed:
        output.line(_("There was no upgrade yet."))


def _line(each: UpgradeShown) -> str:
    kind = "check" if each.only_check else each.type
    by = _(" by %(name)s") % {"name": each.by} if each.by else ""
    return (
        f"{each.id:>4} {each.started_at:%Y-%m-%d %H:%M} UTC  {kind}"
        f" {each.from_version or '?'} → {each.to_version}: {each.status}{by}"
    )

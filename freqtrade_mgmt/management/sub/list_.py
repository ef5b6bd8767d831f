"""``manage.py freqtrade list``: the releases that are known and installed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from btc_watcher.lib.commands.helping import Example
from freqtrade_mgmt.services import releases_refresh
from freqtrade_mgmt.versions.listing import releases_state, versions_listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.management.base import CommandParser

    from freqtrade_mgmt.management.terminal import Output
    from freqtrade_mgmt.versions.listing import ListedVersion

HELP = gettext_lazy(
    "List the releases: the installed ones and the newest; --json prints an array."
)
EXAMPLES = (
    Example(gettext_lazy("Ask the package index first"), "freqtrade list --refresh"),
    Example(
        gettext_lazy("Every known release, for a program"), "freqtrade list --json"
    ),
)
NEWEST: Final = 12
_MEGABYTE: Final = 1_000_000


def arguments(parser: CommandParser) -> None:
    """Add --all and --refresh."""
    parser.add_argument("--all", action="store_true", help=_("every known release"))
    parser.add_argument(
        "--refresh", action="store_true", help=_("ask the package index first")
    )


def run(options: Mapping[str, Any], output: Output) -> None:
    """Print the releases."""
    if options["refresh"]:
        releases_refresh()
    listed = versions_listed()
    if options["json"]:
        output.json([described(each) for each in listed])
        return
    chosen = listed if options["all"] else _chosen(listed)
    for row in _table([_cells(each) for each in chosen]):
        output.line(row)
    if len(chosen) < len(listed):
        output.line(_("%(count)d more: --all") % {"count": len(listed) - len(chosen)})
    output.line(_state())


def described(version: ListedVersion) -> dict[str, Any]:
    """Return one release as JSON."""
    return asdict(version) | {"notes": version.notes, "running": version.running}


def _chosen(listed: list[ListedVersion]) -> list[ListedVersion]:
    stable = [each for each in listed if each.type == "stable"][:NEWEST]
    return [each for each in listed if each.installed or each in stable]


def _cells(each: ListedVersion) -> tuple[str, ...]:
    words = [
        pgettext("release", "current") if each.current else "",
        _("installed (%(size)d MB)") % {"size": (each.size or 0) // _MEGABYTE}
        if each.installed
        else "",
        _("being installed") if each.operation else "",
        _bots(each.running) if each.running else "",
        _("needs Python %(version)s") % {"version": each.requires_python}
        if not each.fits
        else "",
        pgettext("release", "withdrawn") if each.yanked else "",
    ]
    released = each.release_date.isoformat() if each.release_date else "-"
    return each.version, released, each.type, ", ".join(word for word in words if word)


def _bots(count: int) -> str:
    return ngettext("%(count)d bot", "%(count)d bots", count) % {"count": count}


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return [_("No release is known.")]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return [line.rstrip() for line in padded]


def _state() -> str:
    state = releases_state()
    when = (
        _("The package index told this on %(when)s UTC.")
        % {"when": f"{state.listed_at:%Y-%m-%d %H:%M}"}
        if state.listed_at
        else _("The package index was never reached (--refresh asks it).")
    )
    return f"{when} {state.problem}".rstrip()

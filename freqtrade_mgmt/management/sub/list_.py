"""``manage.py freqtrade list``: the releases that are known and installed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.services import releases_refresh
from freqtrade_mgmt.versions.listing import releases_state, versions_listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.management.base import CommandParser

    from freqtrade_mgmt.management.terminal import Output
    from freqtrade_mgmt.versions.listing import ListedVersion

HELP = "List the releases: the installed ones and the newest; --json prints an array."
NEWEST: Final = 12
_MEGABYTE: Final = 1_000_000


def arguments(parser: CommandParser) -> None:
    """Add --all and --refresh."""
    parser.add_argument("--all", action="store_true", help="every known release")
    parser.add_argument(
        "--refresh", action="store_true", help="ask the package index first"
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
        output.line(f"{len(listed) - len(chosen)} more: --all")
    output.line(_state())


def described(version: ListedVersion) -> dict[str, Any]:
    """Return one release as JSON."""
    return asdict(version) | {"notes": version.notes, "running": version.running}


def _chosen(listed: list[ListedVersion]) -> list[ListedVersion]:
    stable = [each for each in listed if each.type == "stable"][:NEWEST]
    return [each for each in listed if each.installed or each in stable]


def _cells(each: ListedVersion) -> tuple[str, ...]:
    words = [
        "current" if each.current else "",
        f"installed ({(each.size or 0) // _MEGABYTE} MB)" if each.installed else "",
        "being installed" if each.operation else "",
        f"{each.running} bots" if each.running else "",
        "" if each.fits else f"needs Python {each.requires_python}",
        "withdrawn" if each.yanked else "",
    ]
    released = each.release_date.isoformat() if each.release_date else "-"
    return each.version, released, each.type, ", ".join(word for word in words if word)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return ["No release is known."]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return [line.rstrip() for line in padded]


def _state() -> str:
    state = releases_state()
    when = (
        f"The package index told this on {state.listed_at:%Y-%m-%d %H:%M} UTC."
        if state.listed_at
        else "The package index was never reached (--refresh asks it)."
    )
    return f"{when} {state.problem}".rstrip()

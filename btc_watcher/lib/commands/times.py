"""A range of time on the command line: --from and --to."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib.commands.base import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Mapping


def moment(text: str) -> datetime:
    """Return the time that ``text`` names (ISO 8601), in UTC; without an offset it is UTC.

    Raises ArgumentTypeError for what is no time.
    """
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(
            _("%(text)r is no time; write 2026-11-01 or 2026-11-01T12:00+08:00.")
            % {"text": text}
        ) from error
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def range_arguments(parser: ArgumentParser) -> None:
    """Add --from and --to."""
    parser.add_argument(
        "--from",
        dest="begin",
        metavar="TIME",
        type=moment,
        required=True,
        help=_("first moment, such as 2026-11-01 or 2026-11-01T12:00+08:00"),
    )
    parser.add_argument(
        "--to",
        dest="end",
        metavar="TIME",
        type=moment,
        help=_("first moment that is not wanted (default: now)"),
    )


def range_of(options: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """Return beginning and end; UsageError when there is nothing between them."""
    begin: datetime = options["begin"]
    end: datetime = options["end"] or timezone.now()
    if begin >= end:
        raise UsageError(
            _(
                "The range from %(begin)s to %(end)s is empty; the end must be later"
                " than the beginning."
            )
            % {"begin": f"{begin:%Y-%m-%d %H:%M}", "end": f"{end:%Y-%m-%d %H:%M}"}
        )
    return begin, end

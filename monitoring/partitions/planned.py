"""What a rotation would do, and what one did, in the reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from monitoring.partitions.page import keeps_detached

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from btc_watcher.lib.partitions import Plan
    from monitoring.partitions.journal import Noted


def plan_words(plan: Plan) -> list[str]:
    """Return one sentence for each step of ``plan``, in the order of the rotation."""
    table = plan.table
    words = [
        _made(table.partition(month), table.default, rows)
        for month, rows in {**plan.create, **plan.mover}.items()
    ]
    words += [_("Finish the detach of %(name)s.") % {"name": n} for n in plan.finalize]
    gone = (
        _("Take out %(name)s and keep it as a table of its own.")
        if keeps_detached()
        else _("Drop %(name)s with all its rows.")
    )
    words += [gone % {"name": name} for name in plan.drop]
    left = _("Drop %(name)s, which an earlier rotation left behind.")
    return words + [left % {"name": name} for name in plan.discard]


def noted_words(noted: Noted) -> list[str]:
    """Return what a rotation did, one sentence a fact; empty when nothing was to do."""
    words = [text for table in noted.tables for text in _done(table)]
    words += [
        ngettext(
            "%(count)s old row of %(table)s was deleted.",
            "%(count)s old rows of %(table)s were deleted.",
            count,
        )
        % {"count": _number(count), "table": table}
        for table, count in noted.deleted.items()
    ]
    return words


def noted_problems(noted: Noted) -> list[str]:
    """Return what went wrong."""
    told = [noted.error, *(table["error"] for table in noted.tables)]
    return [text for text in told if text]


def _made(name: str, net: str, rows: int) -> str:
    if not rows:
        return _("Make %(name)s.") % {"name": name}
    return ngettext(
        "Make %(name)s, and move %(count)s row there from %(net)s.",
        "Make %(name)s, and move %(count)s rows there from %(net)s.",
        rows,
    ) % {"name": name, "count": _number(rows), "net": net}


def _done(table: Mapping[str, Any]) -> Iterator[str]:
    lists = (
        ("created", _("%(names)s made.")),
        ("finished", _("The detach of %(names)s finished.")),
        ("kept_detached", _("%(names)s taken out and kept.")),
        ("dropped", _("%(names)s dropped.")),
        ("discarded", _("%(names)s, left behind earlier, dropped.")),
    )
    for key, words in lists:
        if table[key]:
            yield words % {"names": ", ".join(table[key])}
    if moved := table["moved_rows"]:
        yield ngettext(
            "%(count)s row of %(table)s moved to its month.",
            "%(count)s rows of %(table)s moved to their months.",
            moved,
        ) % {"count": _number(moved), "table": table["table"]}


def _number(value: int) -> str:
    return f"{value:,}"

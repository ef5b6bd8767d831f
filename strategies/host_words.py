"""Where a strategy runs, in words: a process that it shares with others, or one of its own.

Stored as codes, so that everybody reads it in their own language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

if TYPE_CHECKING:
    from collections.abc import Mapping

# Of strategies.health_metrics: that and why it was moved out of a shared process.
NOTE: Final = "own_process"
WHY_OWN: Final = {
    "off": gettext_lazy("Shared processes are switched off (BTCW_RUNNERS)."),
    "trades": gettext_lazy("It may trade, so it has a process of its own."),
    "asked": gettext_lazy("Its settings ask for a process of its own."),
    "old": gettext_lazy("Its freqtrade is older than shared processes need (2025.12)."),
    "broken": gettext_lazy(
        "Shared processes did not work here when it was started. It shares one again when"
        " they do; the supervisor's log says more."
    ),
    "needs_bot": gettext_lazy("It cannot share a process: %(words)s"),
    "raised": gettext_lazy("It failed again and again in a shared process: %(words)s"),
    "hung": gettext_lazy("It stood still in a shared process: %(words)s"),
    "memory": gettext_lazy("It took too much of a shared process's memory: %(words)s"),
    "ended": gettext_lazy("It ended a shared process: %(words)s"),
    "silent": gettext_lazy("It got nowhere in a shared process: %(words)s"),
}
# Moved out for these, it may share again after a new version, or a restart by hand.
MOVED: Final = frozenset({"needs_bot", "raised", "hung", "memory", "ended", "silent"})


def own_text(code: str, words: str) -> str:
    """Return why a strategy has a process of its own; empty for an unknown code."""
    known = WHY_OWN.get(code)
    return "" if known is None else str(known) % {"words": words}


def moved_text(code: str) -> str:
    """Return until when it stays so; empty where nobody moved it."""
    if code not in MOVED:
        return ""
    return _("It shares a process again after a new version, or a restart by hand.")


def shared_text(name: str, others: int) -> str:
    """Return with how many others a strategy shares the process ``name``."""
    if not others:
        return _("alone in the shared process %(name)s") % {"name": name}
    words = ngettext(
        "shares the process %(name)s with %(others)d other strategy",
        "shares the process %(name)s with %(others)d other strategies",
        others,
    )
    return words % {"name": name, "others": others}


def own_words(metrics: Mapping[str, Any]) -> str:
    """Return what was said when a strategy was moved out; empty where it was not."""
    note = metrics.get(NOTE)
    return str(note.get("words") or "") if isinstance(note, dict) else ""

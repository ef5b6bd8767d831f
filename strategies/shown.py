"""What pages may say about the state of a strategy. Pure.

The stored state is what the supervisor last knew. Pages say "running" only while its
process is seen and nothing is known that keeps it from analysing candles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from strategies.health_words import reason_text

if TYPE_CHECKING:
    from collections.abc import Mapping

FRESH_SECONDS: Final = 60.0
# 9.95 would be rounded to 10.0, which needs no tenths.
TENTHS_BELOW: Final = 9.95
# A health round comes every 30 s; one that is older says nothing about now.
ROUND_SECONDS: Final = 120.0
# Findings of the health round with which nothing is analysed, whatever else is well.
BLIND_CODES: Final = frozenset(
    {
        "not_alive",
        "no_answer",
        "stranger",
        "not_running",
        "stands_still",
        "no_candles",
        "strategy_fails",
    }
)

RUNNING: Final = "running"
BLIND: Final = "blind"
UNCONFIRMED: Final = "unconfirmed"
LABELS: Final = {
    "running": gettext_lazy("running"),
    "starting": gettext_lazy("starting"),
    "stopping": gettext_lazy("stopping"),
    "stopped": gettext_lazy("stopped"),
    "error": gettext_lazy("error"),
    BLIND: gettext_lazy("not analysing"),
    UNCONFIRMED: pgettext_lazy("state of a strategy", "unconfirmed"),
}
# Whatever somebody should look at, the most pressing first.
ATTENTION: Final = ("error", BLIND, UNCONFIRMED)
# In the order in which a list shows them.
ORDER: Final = (*ATTENTION, "starting", "stopping", "running", "stopped")


@dataclass(frozen=True, slots=True)
class Shown:
    """The state as a page says it.

    ``state`` is a key of LABELS, ``why`` a sentence or empty, ``actions`` what makes
    sense to ask for: start, stop, restart.
    """

    state: str
    why: str
    actions: tuple[str, ...]

    @property
    def label(self) -> str:
        """The word for the state."""
        return str(LABELS[self.state])

    @property
    def urgent(self) -> bool:
        """Whether somebody should look at it."""
        return self.state in ATTENTION


ACTIONS_OF: Final = {
    "stopped": ("start",),
    "error": ("start", "stop"),
    "starting": ("stop", "restart"),
    "running": ("stop", "restart"),
    "stopping": ("start",),
}


def shown_state(
    status: str,
    heartbeat_age_s: float | None,
    *,
    reason: str = "",
    health: Mapping[str, Any] | None = None,
    health_age_s: float | None = None,
) -> Shown:
    """Return what a page may say.

    ``status`` is the stored state and ``reason`` what is stored with it;
    ``heartbeat_age_s`` is None without an open process; ``health`` is the last health
    round's finding, ``health_age_s`` old.
    """
    actions = ACTIONS_OF.get(status, ())
    if status != RUNNING:
        if status == "starting" and reason:
            reason = _("Last problem: %(reason)s") % {"reason": reason}
        return Shown(status if status in LABELS else UNCONFIRMED, reason, actions)
    if heartbeat_age_s is None:
        why = _("It should run, but no process of it is recorded.")
        return Shown(UNCONFIRMED, why, actions)
    if heartbeat_age_s >= FRESH_SECONDS:
        why = _("Its process was last seen %(age)s ago. Is the supervisor running?")
        return Shown(UNCONFIRMED, why % {"age": span_text(heartbeat_age_s)}, actions)
    if why := _blindness(health or {}, health_age_s):
        return Shown(BLIND, why, actions)
    return Shown(RUNNING, reason, actions)


def span_text(seconds: float) -> str:
    """Return a length of time in its two largest units: ``2 h 5 min``."""
    rest = max(0, round(seconds))
    units = (
        (86_400, _("%(count)d d")),
        (3600, _("%(count)d h")),
        (60, _("%(count)d min")),
        (1, _("%(count)d s")),
    )
    parts: list[tuple[int, str]] = []
    for length, template in units:
        count, rest = divmod(rest, length)
        if count or parts or length == 1:
            parts.append((count, template % {"count": count}))
    first = parts[:2]
    return " ".join(text for count, text in first if count) or first[-1][1]


def lasted_text(seconds: float) -> str:
    """Return how long something took: with tenths of a second while it is short."""
    if seconds < TENTHS_BELOW:
        return _("%(count)s s") % {"count": f"{seconds:.1f}"}
    return span_text(seconds)


def _blindness(health: Mapping[str, Any], age_s: float | None) -> str:
    """Return why nothing is analysed, as far as a fresh health round tells."""
    if age_s is None or age_s > ROUND_SECONDS:
        return ""
    for found in health.get("reasons") or ():
        code, values = found.get("code", ""), found.get("values") or {}
        every_pair = code == "stale" and values.get("count") == values.get("pairs")
        if code in BLIND_CODES or every_pair:
            return reason_text(code, values)
    return ""

"""The states of a strategy and the changes between them. Pure.

A person asks for ``starting`` or ``stopping``; the supervisor reports
``running``, ``stopped`` and ``error``.
"""

from __future__ import annotations

from typing import Final, Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.errors import BtcWatcherError

Action = Literal["start", "stop", "restart"]

ACTIONS: Final = ("start", "stop", "restart")
ALLOWED: Final = {
    "stopped": {"starting", "error"},
    "starting": {"running", "stopping", "error"},
    "running": {"starting", "stopping", "error"},
    "stopping": {"stopped", "starting", "error"},
    "error": {"starting", "stopped"},
}
WANTED_UP: Final = frozenset({"starting", "running"})
WORDS: Final = {
    "stopped": gettext_lazy("stopped"),
    "starting": gettext_lazy("starting"),
    "running": gettext_lazy("running"),
    "stopping": gettext_lazy("stopping"),
    "error": gettext_lazy("error"),
}
# What a person may ask for in a state, and what becomes of it; None is "no change".
_ASKED: Final[dict[str, dict[str, str | None]]] = {
    "start": {
        "stopped": "starting",
        "starting": None,
        "stopping": "starting",
        "error": "starting",
    },
    "stop": {
        "starting": "stopping",
        "running": "stopping",
        "stopping": None,
        # No process is left of a strategy in error, so there is nothing to wait for.
        "error": "stopped",
    },
    "restart": {"starting": "starting", "running": "starting", "error": "starting"},
}
_REFUSED: Final = {
    ("start", "running"): gettext_lazy("Strategy '%(name)s' is running already."),
    ("stop", "stopped"): gettext_lazy("Strategy '%(name)s' is stopped already."),
    ("restart", "stopped"): gettext_lazy(
        "Strategy '%(name)s' is stopped, so there is nothing to restart; start it."
    ),
    ("restart", "stopping"): gettext_lazy(
        "Strategy '%(name)s' is being stopped; start it once it has stopped."
    ),
}


class IllegalChangeError(BtcWatcherError):
    """A strategy cannot go from its state to the one that was asked for."""


def change(name: str, current: str, wanted: str) -> bool:
    """Tell whether something changes; raise IllegalChangeError when it may not."""
    if current == wanted:
        return False
    if wanted in ALLOWED[current]:
        return True
    raise IllegalChangeError(
        _(
            "Strategy '%(name)s' is %(state)s and cannot become %(wanted)s;"
            " from %(state)s it can become %(possible)s."
        )
        % {
            "name": name,
            "state": WORDS[current],
            "wanted": WORDS[wanted],
            "possible": ", ".join(str(WORDS[s]) for s in sorted(ALLOWED[current])),
        }
    )


def asked(name: str, current: str, action: str) -> str | None:
    """Return the state that ``action`` leads to, None when it was asked for already.

    Raises IllegalChangeError with a sentence when the action has no sense in the
    current state, or when there is no such action.
    """
    if action not in _ASKED:
        raise IllegalChangeError(
            _("There is no action '%(action)s'; use one of %(actions)s.")
            % {"action": action, "actions": ", ".join(ACTIONS)}
        )
    if current not in _ASKED[action]:
        raise IllegalChangeError(str(_REFUSED[action, current]) % {"name": name})
    return _ASKED[action][current]

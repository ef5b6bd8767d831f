"""The sentences about installing and moving between releases. Pure.

What is stored is a code with its values, and the English sentence for logs: the
supervisor speaks to nobody, and people read two languages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext, gettext_noop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STEPS: Final[dict[str, str]] = {
    # -- Installations
    "asked": gettext_noop("The installation was asked for."),
    "begun": gettext_noop("The installation has begun."),
    "taken_over": gettext_noop(
        "The program that installed was ended in the middle; the installation begins"
        " again."
    ),
    "interrupted": gettext_noop(
        "The installation was interrupted. It begins again when the supervisor is"
        " started."
    ),
    "waiting": gettext_noop("Another installation runs; this one waits for its end."),
    "look_up": gettext_noop(
        "The packages that freqtrade %(version)s needs are looked up."
    ),
    "clean": gettext_noop("What an interrupted installation left behind is removed."),
    "environment": gettext_noop("An environment of its own is made."),
    "download": gettext_noop("The packages are downloaded."),
    "build": gettext_noop("The packages are put in place."),
    "compile": gettext_noop("The packages are compiled, so that bots start faster."),
    "fallback": gettext_noop("uv did not succeed; pip tries it again."),
    "no_dates": gettext_noop(
        "The package index does not say when this release was published, so it gets"
        " today's dependencies."
    ),
    "verify": gettext_noop("It is checked that freqtrade %(version)s runs."),
    "trial": gettext_noop("A strategy is loaded and tried on generated candles."),
    "run": gettext_noop("A bot runs for some seconds on the simulated exchange."),
    "measured": gettext_noop(
        "The bot analysed its first candles after %(seconds)s s and held %(megabytes)s"
        " MB."
    ),
    "there_already": gettext_noop("freqtrade %(version)s is installed already."),
    "done": gettext_noop("freqtrade %(version)s is installed (%(seconds)s s)."),
    "cancelled": gettext_noop("The installation was cancelled and removed."),
    "failed": gettext_noop("The installation did not succeed."),
}


def step_words(code: str, data: Mapping[str, Any]) -> str:
    """Return a step in English, for logs and stored rows."""
    return _filled(code, data, str)


def step_shown(step: Mapping[str, Any]) -> str:
    """Return a stored step in the language of the person who looks."""
    code, data = str(step.get("step", "")), step.get("data")
    if code not in STEPS or not isinstance(data, dict):
        return str(step.get("words") or code)
    return _filled(code, data, gettext)


def _filled(code: str, data: Mapping[str, Any], spoken: Callable[[str], str]) -> str:
    try:
        return spoken(STEPS[code]) % data
    except (KeyError, TypeError, ValueError):
        # Stored by another version of ours, whose sentence had other values.
        return code

"""The sentences about an upgrade or downgrade. Pure.

Stored are a code and its values, with the English sentence for logs beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext, gettext_noop

if TYPE_CHECKING:
    from collections.abc import Mapping

STEPS: Final[Mapping[str, str]] = {
    "requested": gettext_noop("freqtrade %(from)s → %(to)s was asked for."),
    "check_requested": gettext_noop(
        "It was asked whether the strategies load in freqtrade %(to)s."
    ),
    "resumed": gettext_noop("The supervisor was started again and goes on."),
    "absent": gettext_noop(
        "The supervisor could not look for a while, as without a database, and goes on."
    ),
    "checking": gettext_noop(
        "Loading %(count)s strategies in freqtrade %(to)s, each in a trial of its own."
    ),
    "loads": gettext_noop("%(name)s loads in freqtrade %(to)s."),
    "loads_not": gettext_noop(
        "%(name)s does not load in freqtrade %(to)s: %(problem)s"
    ),
    "checked": gettext_noop(
        "%(good)s of %(count)s strategies load in freqtrade %(to)s."
    ),
    "left": gettext_noop(
        "%(name)s stays on freqtrade %(from)s: it is pinned to it now."
    ),
    "left_not": gettext_noop("%(name)s could not be pinned: %(problem)s"),
    "check_failed": gettext_noop(
        "Nothing was moved: %(names)s would not run on freqtrade %(to)s. Correct them, or"
        " leave those that fail on %(from)s."
    ),
    "nothing_fits": gettext_noop(
        "Nothing was moved: not one strategy loads in freqtrade %(to)s."
    ),
    "backed_up": gettext_noop(
        "Configurations and trades of %(count)s bots were copied to %(path)s."
    ),
    "backup_failed": gettext_noop(
        "Nothing was moved, because the backup could not be made: %(problem)s"
    ),
    "moved": gettext_noop("%(name)s moves to freqtrade %(to)s."),
    "canary": gettext_noop("%(name)s goes first, to freqtrade %(to)s."),
    "proven": gettext_noop("%(name)s analyses candles on freqtrade %(to)s."),
    "watching": gettext_noop("%(name)s is watched for %(seconds)s s."),
    "watched": gettext_noop("%(name)s stayed well for %(seconds)s s."),
    "completed": gettext_noop(
        "freqtrade %(to)s is the current version; %(count)s strategies were moved."
    ),
    "cancelled": gettext_noop("It was cancelled before anything was moved (%(who)s)."),
    "ours": gettext_noop(
        "The supervisor met an error of its own: %(problem)s. Its log says more."
    ),
    "asked_back": gettext_noop("The way back was asked for (%(who)s)."),
    "back_cannot_run": gettext_noop(
        "%(name)s cannot run on freqtrade %(to)s: %(problem)s. Everything goes back to"
        " %(from)s."
    ),
    "back_crashes": gettext_noop(
        "%(name)s crashed twice on freqtrade %(to)s: %(problem)s. Everything goes back to"
        " %(from)s."
    ),
    "back_worse": gettext_noop(
        "%(name)s is worse off on freqtrade %(to)s (%(problem)s). Everything goes back to"
        " %(from)s."
    ),
    "back_not_proven": gettext_noop(
        "%(name)s analysed no candles on freqtrade %(to)s in time. Everything goes back to"
        " %(from)s."
    ),
    "back_lost": gettext_noop(
        "%(name)s stopped running on freqtrade %(to)s. Everything goes back to %(from)s."
    ),
    "back_canary_stopped": gettext_noop(
        "%(name)s was stopped by somebody before its watch had ended. Everything goes back"
        " to freqtrade %(from)s."
    ),
    "back_asked": gettext_noop(
        "Everything goes back to freqtrade %(from)s, as was asked for (%(who)s)."
    ),
    "back_ours": gettext_noop(
        "Everything goes back to freqtrade %(from)s, because the supervisor met an error of"
        " its own: %(problem)s."
    ),
    "taken_back": gettext_noop(
        "%(name)s goes back to freqtrade %(from)s and keeps the trades made meanwhile."
    ),
    "let_go": gettext_noop(
        "%(name)s was pinned or removed meanwhile, so it is left alone."
    ),
    "taken_back_empty": gettext_noop("%(name)s goes back to freqtrade %(from)s."),
    "restored": gettext_noop(
        "%(name)s goes back to freqtrade %(from)s with its trades of before, because the"
        " new version changed the database (%(obstacle)s). What it held is kept in"
        " %(path)s."
    ),
    "restore_failed": gettext_noop(
        "The trades of %(name)s could not be looked at (%(problem)s); they were left as"
        " they are."
    ),
    "not_back": gettext_noop(
        "%(name)s does not run on freqtrade %(from)s yet; look at its page."
    ),
    "rolled_back": gettext_noop("All strategies are back on freqtrade %(from)s."),
}
# The last two are the full-width marks of Chinese.
ENDS: Final = (".", ")", "\u3002", "\uff09")


def english(code: str, values: Mapping[str, Any]) -> str:
    """Return a step's sentence for logs and stored rows."""
    return _filled(STEPS[code], values)


def shown(step: Mapping[str, Any]) -> str:
    """Return a stored step in the language of the person who looks."""
    try:
        sentence = STEPS[step["step"]]
        return _filled(gettext(sentence), step["data"])
    except (KeyError, TypeError, ValueError):
        # Stored by another version of ours, whose sentence had other values.
        return str(step.get("words") or "")


def _filled(sentence: str, values: Mapping[str, Any]) -> str:
    # A problem may bring a full stop of its own.
    plain = {k: v.rstrip(". ") if k == "problem" else v for k, v in values.items()}
    text = sentence % plain
    return text if text.endswith(ENDS) else f"{text}."

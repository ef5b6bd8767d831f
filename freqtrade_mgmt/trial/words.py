"""The sentences about a strategy file and its trial. Pure.

They are told to people of two languages, and the supervisor speaks to nobody, so what
is stored is a code with its values, and the English sentence for logs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext, gettext_noop

from btc_watcher.lib.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

SENTENCES: Final[Mapping[str, str]] = {
    # -- The file, read without running it
    "too_large": gettext_noop(
        "The strategy has %(size)s kB; at most %(limit)s kB are accepted. Remove data"
        " from the file; a strategy is a program."
    ),
    "not_text": gettext_noop(
        "The file is no text in UTF-8 (byte %(position)s cannot be read). Save it as a"
        " Python file in UTF-8 and upload it again."
    ),
    "coding": gettext_noop(
        "The file says that its encoding is %(encoding)s. Save it in UTF-8 and remove"
        " that line."
    ),
    "syntax": gettext_noop(
        "The strategy is not valid Python: line %(line)s: %(problem)s. Correct the line"
        " and save again."
    ),
    "unreadable": gettext_noop(
        "The strategy cannot be read as Python (%(problem)s). Check that it is a text"
        " file."
    ),
    "no_strategy": gettext_noop(
        "The file holds no strategy: no class in it derives from IStrategy. Add one, such"
        " as `class MyStrategy(IStrategy):`."
    ),
    "many_strategies": gettext_noop(
        "The file holds %(count)s strategies (%(names)s). Keep one class that derives"
        " from IStrategy in each file."
    ),
    "no_timeframe": gettext_noop(
        "The strategy %(name)s names no timeframe. Add a line such as"
        ' `timeframe = "5m"` to the class.'
    ),
    "timeframe": gettext_noop(
        "%(timeframe)s is not a timeframe. Write one such as 1m, 5m or 1h."
    ),
    "class_line": gettext_noop(
        "freqtrade finds a strategy by its line `class %(name)s(`. Write that line of the"
        " class without spaces before the bracket."
    ),
    "name_odd": gettext_noop(
        "%(name)s cannot be the name of a strategy's class. Take letters, digits and _,"
        " a letter first, at most %(limit)s of them."
    ),
    "name_python": gettext_noop(
        "The class cannot be called %(name)s, because Python itself uses that name."
        " Choose another one, such as My%(name)s."
    ),
    "name_module": gettext_noop(
        "The class cannot be called %(name)s: its file %(name)s.py would hide the module"
        " of that name, which freqtrade needs. Choose another one, such as My%(name)s."
    ),
    "name_imported": gettext_noop(
        "The class cannot be called %(name)s, because the file imports a module of that"
        " name and would find itself. Choose another one, such as My%(name)s."
    ),
    # -- The trial: why it failed
    "load": gettext_noop("The strategy cannot be loaded: %(problem)s%(where)s."),
    "missing_module": gettext_noop(
        "The strategy imports %(module)s, which freqtrade %(version)s does not have%(where)s."
        " Remove the import, or choose a version that has it."
    ),
    "class_other": gettext_noop(
        "The class in the file is called %(found)s, but %(wanted)s was to be run. Save the"
        " draft again."
    ),
    "setting": gettext_noop("The strategy cannot be tried: %(problem)s"),
    "short_on_spot": gettext_noop(
        "The strategy sells short (can_short), which a spot market does not know. Write"
        " can_short = False, or set trading_mode to futures on an exchange that has them."
    ),
    "refused": gettext_noop("freqtrade refuses the strategy: %(problem)s"),
    "load_late": gettext_noop(
        "The strategy did not finish loading within %(seconds)s s. Look for a loop or a"
        " download outside of the class's functions."
    ),
    "work_late": gettext_noop(
        "The strategy did not finish calculating some hundred candles within"
        " %(seconds)s s."
        " Look for a loop in populate_indicators, populate_entry_trend or"
        " populate_exit_trend."
    ),
    "cpu": gettext_noop(
        "The strategy used more than %(seconds)s s of processor time and was ended. Look"
        " for a loop that does not end."
    ),
    "memory": gettext_noop(
        "The strategy needed more than %(megabytes)s MB of memory%(where)s. Keep less data"
        " in it."
    ),
    "killed": gettext_noop(
        "The trial was ended from outside (signal 9), probably because the machine ran"
        " out of memory. Try again when there is more."
    ),
    "crashed": gettext_noop(
        "The strategy crashed Python itself (%(signal)s). A library that it uses is"
        " broken, or cannot take the data that it gets."
    ),
    "exits": gettext_noop(
        "The strategy ended the whole program (code %(code)s)%(where)s. Remove the call"
        " that does it, such as sys.exit or os._exit; it would end the bot."
    ),
    "changed": gettext_noop(
        "The draft was changed while it was tried. Publish it again."
    ),
    "not_published": gettext_noop(
        "The strategy loads, but could not be published: %(problem)s"
    ),
    "no_start": gettext_noop(
        "freqtrade %(version)s itself did not start, so the strategy was not tried:"
        " %(problem)s"
    ),
    "slow_start": gettext_noop(
        "freqtrade %(version)s itself did not start within %(seconds)s s, so the strategy"
        " was not tried. The machine may be busy; publish again."
    ),
    "ours": gettext_noop(
        "The trial could not be made: %(problem)s. The supervisor's log says more."
    ),
    # -- The trial: what is worth knowing
    "calculation": gettext_noop(
        "On generated candles the strategy failed: %(problem)s%(where)s. That may be"
        " different on real ones."
    ),
    "no_marks": gettext_noop(
        "On %(candles)s generated candles the strategy set no mark. That may be different"
        " on real ones."
    ),
    "timeframe_other": gettext_noop(
        "The file says timeframe %(file)s, the strategy is set to %(chosen)s; it runs with"
        " %(chosen)s."
    ),
    "signals_by_default": gettext_noop(
        "There is no column %(column)s, so signals take their strength from the tag, the"
        " expression or the default."
    ),
    # -- Parts of sentences
    "where_line": gettext_noop(" (line %(line)s)"),
}


@dataclass(frozen=True)
class Sentence:
    """A sentence by its code, with the values in it.

    ``values`` holds texts and numbers; ``line`` is the line of the strategy's file.
    """

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)
    line: int | None = None

    def english(self) -> str:
        """Return it for logs and stored rows."""
        return self._filled(str)

    def shown(self) -> str:
        """Return it in the language of the person who looks."""
        return self._filled(gettext)

    def stored(self) -> dict[str, Any]:
        """Return it as it is kept in JSON."""
        return {"code": self.code, "values": dict(self.values), "line": self.line}

    def _filled(self, spoken: Any) -> str:
        where = spoken(SENTENCES["where_line"]) % {"line": self.line}
        values = {"line": self.line, "where": where if self.line else "", **self.values}
        text: str = spoken(SENTENCES[self.code]) % values
        return text


class StrategyCodeError(ConfigurationError):
    """A strategy file that is not accepted; its text is English, ``sentence`` speaks both."""

    def __init__(self, code: str, line: int | None = None, **values: Any) -> None:
        self.sentence = Sentence(code, values, line)
        super().__init__(self.sentence.english())


def problem_shown(error: ConfigurationError) -> str:
    """Return an error's sentence in the language of the person who looks."""
    return (
        error.sentence.shown() if isinstance(error, StrategyCodeError) else str(error)
    )


def trial_shown(trial: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return a trial's reason and warnings in the language of the person who looks.

    ``trial`` is health_metrics["trial"] of a draft; whatever is stored there without a
    known code is shown as it is stored.
    """
    facts = trial.get("facts") or {}
    reason = _shown(facts.get("reason"), str(trial.get("reason") or ""))
    stored = [str(text) for text in trial.get("warnings") or []]
    codes = facts.get("warnings") or []
    if len(codes) != len(stored):
        return reason, stored
    return reason, [_shown(*pair) for pair in zip(codes, stored, strict=True)]


def _shown(kept: object, fallback: str) -> str:
    try:
        if isinstance(kept, dict):
            return Sentence(kept["code"], kept["values"], kept.get("line")).shown()
    except (KeyError, TypeError, ValueError):
        # Stored by another version of ours, whose sentence had other values.
        return fallback
    return fallback

"""Help that is read in a terminal, in both languages, with examples kept as written."""

from __future__ import annotations

from argparse import SUPPRESS
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.core.management.base import DjangoHelpFormatter
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from argparse import Action
    from collections.abc import Iterable, Mapping, Sequence

    from django_stubs_ext import StrOrPromise

HEADINGS: Final = {
    "options": pgettext_lazy("command line", "options"),
    "positional arguments": pgettext_lazy("command line", "arguments"),
}
# What argparse and Django say of their own options, by where the value goes.
COMMON: Final = {
    "help": gettext_lazy("show this and end"),
    "verbosity": gettext_lazy("0: no progress; 2 or 3: the log as well"),
    "traceback": gettext_lazy("show where in the code an error arose"),
    "no_color": gettext_lazy("write without colours"),
    "skip_checks": gettext_lazy("do not check the settings first"),
}
ENDINGS: Final[dict[int, StrOrPromise | None]] = {
    0: gettext_lazy("done"),
    1: gettext_lazy("what was asked for failed; a sentence says why"),
    2: gettext_lazy("the command line makes no sense"),
    130: gettext_lazy("ended by Ctrl-C"),
}

# For what runs until it is told to stop.
SERVER: Final[dict[int, StrOrPromise | None]] = {
    0: gettext_lazy("it was told to stop: SIGTERM or Ctrl-C"),
    1: gettext_lazy("it could not start"),
    130: None,
}


class Example(NamedTuple):
    """What it is for, and the words behind ``manage.py``."""

    words: StrOrPromise
    line: str


class Kept(str):
    """A text whose lines are shown as they are."""

    __slots__ = ()


def below(
    examples: Iterable[Example],
    endings: Mapping[int, StrOrPromise | None] | None = None,
) -> str:
    """Return what stands below the options: examples, then exit codes."""
    lines = [pgettext("command line", "examples:")]
    for each in examples:
        lines += [f"  # {each.words}", f"  manage.py {each.line}"]
    codes = sorted((ENDINGS | dict(endings or {})).items())
    lines += ["", pgettext("command line", "exit codes:")]
    lines += [f"  {code:<4} {words}" for code, words in codes if words is not None]
    return "\n".join(lines)


class Formatter(DjangoHelpFormatter):
    """Wraps by the room that characters take, and translates the headings."""

    def add_usage(
        self, usage: str | None, actions: Iterable[Action], *args: Any, **kwargs: Any
    ) -> None:
        """Begin the line of the usage in the language of the reader."""
        groups, *rest = args
        prefix = (rest or [kwargs.get("prefix")])[0]
        if prefix is None:
            prefix = pgettext("command line", "usage: ")
        super().add_usage(usage, actions, groups, prefix)

    def start_section(self, heading: str | None) -> None:
        """Translate argparse's own headings."""
        super().start_section(str(HEADINGS.get(heading or "", heading)))

    def add_argument(self, action: Action) -> None:
        """Explain the common options in our words."""
        if action.dest in COMMON and action.help != SUPPRESS:
            action.help = str(COMMON[action.dest])
        super().add_argument(action)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrapped(" ".join(text.split()), width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if isinstance(text, Kept):
            lines: Sequence[str] = text.splitlines()
        else:
            lines = _wrapped(" ".join(text.split()), width - len(indent))
        return "\n".join(f"{indent}{line}".rstrip() for line in lines)


def _wrapped(text: str, width: int) -> list[str]:
    """Wrap by cells of the terminal: a Chinese character takes two, and has no spaces."""
    lines = Text(text).wrap(Console(width=width, file=None), width)
    return [str(line).rstrip() for line in lines]

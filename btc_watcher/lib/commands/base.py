"""The base of every command of ours: help with examples, errors as sentences."""

from __future__ import annotations

import json
import sys
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    SystemCheckError,
)
from django.db import Error as DatabaseError
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from btc_watcher.lib.commands.errors import Heard, log_quiet, pool_heard, sentence_of
from btc_watcher.lib.commands.helping import Example, Formatter, Kept, below
from btc_watcher.lib.commands.progress import Bar, bar
from btc_watcher.lib.errors import BtcWatcherError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from django_stubs_ext import StrOrPromise

USAGE: Final = 2
LOUD: Final = 2


class UsageError(CommandError):
    """The words on the command line do not fit together: ends with 2."""

    def __init__(self, words: str) -> None:
        super().__init__(words, returncode=USAGE)


class PlainCommand(BaseCommand):
    """A command that explains itself and says in a sentence what went wrong.

    ``examples`` are shown below the options, ``endings`` tell what an exit code means
    where "done" and "failed" do not say it; None: it does not occur. It ends with 0 when
    it is done, 1 when what was asked for failed, 2 for words that make no sense. With
    ``call_command`` all these errors are raised as CommandError.
    """

    help: StrOrPromise  # type: ignore[assignment]  # texts are translated late
    examples: ClassVar[Sequence[Example]] = ()
    endings: ClassVar[Mapping[int, StrOrPromise | None]] = {}
    # It runs until it is told to stop: what happens meanwhile, and why it broke off with
    # the trace, belongs into its log and into the records of errors.
    is_lasting: ClassVar[bool] = False
    # Still taken, but nobody needs to read of them.
    suppressed_base_arguments = {
        *("--version", "--settings", "--pythonpath", "--force-color", "--skip-checks"),
    }

    def create_parser(
        self, prog_name: str, subcommand: str, **kwargs: Any
    ) -> CommandParser:
        """Add examples and exit codes below the options."""
        self.help = str(self.help)
        kwargs.setdefault("formatter_class", Formatter)
        kwargs.setdefault("epilog", Kept(below(self.examples, self.endings)))
        return super().create_parser(prog_name, subcommand, **kwargs)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run; every error that a person can mend becomes one sentence."""
        try:
            return self._executed(*args, **options)
        except SystemCheckError:
            raise
        except CommandError as error:
            if not self._is_typed or options.get("traceback"):
                raise
            self.stderr.write(_("Error: %(words)s") % {"words": error})
            sys.exit(error.returncode)

    @property
    def _is_typed(self) -> bool:
        """Tell whether somebody typed it; ``call_command`` wants errors raised."""
        return getattr(self, "_called_from_command_line", False)

    def _executed(self, *args: Any, **options: Any) -> str | None:
        if self.is_lasting or not self._is_typed:
            return self._in_words(*args, **options)
        quiet = options["verbosity"] < LOUD and self.stderr.isatty()
        with pool_heard() as heard, log_quiet(quiet=quiet):
            return self._in_words(*args, heard=heard, **options)

    def _in_words(
        self, *args: Any, heard: Heard | None = None, **options: Any
    ) -> str | None:
        try:
            return super().execute(*args, **options)
        except BtcWatcherError as error:
            if self.is_lasting:
                raise
            raise CommandError(error.message) from error
        except (DatabaseError, RedisError) as error:
            words = sentence_of(error, heard.last if heard else "")
            if words is None or self.is_lasting:
                raise
            raise CommandError(words) from error

    def tell(self, text: str) -> None:
        """Write a line of the answer."""
        self.stdout.write(text)

    def tell_json(self, value: object) -> None:
        """Write the answer for programs: an object in one line, a list one by one."""
        indent = 1 if isinstance(value, list) else None
        self.stdout.write(
            json.dumps(value, ensure_ascii=False, indent=indent, default=plain)
        )

    def bar(
        self, title: str, options: Mapping[str, Any], **named: Any
    ) -> AbstractContextManager[Bar]:
        """Give a bar on the error stream, shown where a person sits and wants it."""
        return bar(title, shown=self.watched(options), **named)

    def watched(self, options: Mapping[str, Any]) -> bool:
        """Tell whether a person sees how far the command is."""
        wanted = not options.get("json") and options.get("verbosity", 1) > 0
        return wanted and self.stderr.isatty()


def plain(value: object) -> str:
    """Return what JSON has no word for: times in ISO 8601, all else as it is written."""
    return value.isoformat() if isinstance(value, date) else str(value)

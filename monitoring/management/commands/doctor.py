"""``manage.py doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import CommandError
from django.db import connections
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from btc_watcher.lib.commands.base import PlainCommand, UsageError
from btc_watcher.lib.commands.helping import Example
from monitoring.doctor.keys import keys_note
from monitoring.doctor.running import doctor_run
from monitoring.doctor.shapes import CHECKS, GROUPS, State

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Mapping, Sequence

    from monitoring.doctor.shapes import Result

MARKS: Final = {
    State.OK: "✓",
    State.WARNING: "!",
    State.FAILED: "✗",
    State.SKIPPED: "—",
}


def summary(counted: Mapping[State, int]) -> str:
    """Return how many checks found what, when none has failed. Pure."""
    told = {"ok": counted[State.OK], "warnings": counted[State.WARNING]}
    if told["warnings"]:
        words = ngettext(
            "%(ok)d in order, %(warnings)d warning.",
            "%(ok)d in order, %(warnings)d warnings.",
            told["warnings"],
        )
    else:
        words = ngettext(
            "%(ok)d check is in order.", "All %(ok)d checks are in order.", told["ok"]
        )
    if not (skipped := counted[State.SKIPPED]):
        return words % told
    more = ngettext("%(count)d was not asked.", "%(count)d were not asked.", skipped)
    return f"{words % told} {more % {'count': skipped}}"


class Command(PlainCommand):
    """Asks every check and says what to do; ends with 1 when one has failed."""

    help = gettext_lazy("Check the whole system, and say how to mend what is wrong.")
    examples = (
        Example(gettext_lazy("Everything"), "doctor"),
        Example(gettext_lazy("One group and one check"), "doctor redis database.tls"),
        Example(gettext_lazy("For a program"), "doctor --json"),
        Example(
            gettext_lazy("A copy of the encryption keys lies elsewhere now"),
            "doctor --keys-saved",
        ),
    )
    endings = {
        0: gettext_lazy("no check has failed; there may be warnings"),
        1: gettext_lazy("at least one check has failed"),
    }
    # The checks that Django itself would run first need what may be broken.
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument(
            "names",
            nargs="*",
            metavar="CHECK",
            help=_("only these checks or groups, such as redis or database.tls"),
        )
        parser.add_argument(
            "--json", action="store_true", help=_("print one JSON object")
        )
        parser.add_argument(
            "--keys-saved",
            action="store_true",
            help=_("note that a copy of the encryption keys is kept elsewhere"),
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check and report."""
        self._check_names(options["names"])
        if options["keys_saved"]:
            keys_note()
        results = []
        group = ""
        for result in doctor_run(options["names"]):
            results.append(result)
            if not options["json"]:
                if result.check.group != group:
                    group = result.check.group
                    self.stdout.write(self.style.MIGRATE_HEADING(str(GROUPS[group])))
                self._print(result)
        connections.close_all()
        self._end(results, as_json=options["json"])

    def _check_names(self, names: Sequence[str]) -> None:
        known = {*CHECKS, *GROUPS}
        for name in names:
            if name not in known:
                raise UsageError(
                    _("There is no check %(name)r; use some of: %(known)s")
                    % {"name": name, "known": ", ".join(sorted(known))}
                )

    def _print(self, result: Result) -> None:
        finding = result.finding
        style = {
            State.OK: self.style.SUCCESS,
            State.WARNING: self.style.WARNING,
            State.FAILED: self.style.ERROR,
        }.get(finding.state, self.style.NOTICE)
        mark = style(MARKS[finding.state])
        self.stdout.write(f"  {mark} {result.check.title}: {finding.words}")
        if finding.cure:
            self.stdout.write(f"    → {finding.cure}")

    def _end(self, results: Sequence[Result], *, as_json: bool) -> None:
        counted = {
            state: sum(result.finding.state is state for result in results)
            for state in State
        }
        if as_json:
            report = {
                "healthy": not counted[State.FAILED],
                "counts": {state.value: count for state, count in counted.items()},
                "checks": [result.figures() for result in results],
            }
            self.tell_json(report)
        if bad := counted[State.FAILED]:
            words = ngettext(
                "%(count)d check has failed.", "%(count)d checks have failed.", bad
            )
            raise CommandError(words % {"count": bad})
        if not as_json:
            self.stdout.write(summary(counted))

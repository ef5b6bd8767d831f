"""``manage.py compile_translations``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.catalogues import catalogues_compile
from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import Example

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(PlainCommand):
    """Compiles the catalogues in locale/ that changed; needs no gettext programs."""

    help = gettext_lazy("Compile the translations in locale/ that changed.")
    examples = (
        Example(gettext_lazy("After a change of a .po file"), "compile_translations"),
    )
    endings = {
        1: gettext_lazy("a catalogue cannot be read, or its placeholders do not fit")
    }
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument(
            "--json", action="store_true", help=_("print the files as a JSON array")
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Compile and say what was written."""
        written = catalogues_compile(settings.LOCALE_PATHS)
        if options["json"]:
            self.tell_json([str(path) for path in written])
            return
        for path in written:
            self.tell(_("compiled %(path)s") % {"path": path})

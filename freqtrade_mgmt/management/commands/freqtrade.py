"""``manage.py freqtrade list|install|uninstall|…``: one module of ``sub`` for each."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any, cast

from django.core.management.base import BaseCommand, CommandError

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.management import sub
from freqtrade_mgmt.management.terminal import Output

if TYPE_CHECKING:
    from types import ModuleType
    from typing import TextIO

    from django.core.management.base import CommandParser


class Command(BaseCommand):
    """Looks after the releases of freqtrade."""

    help = "List, install, uninstall and move between releases of freqtrade."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add one sub-command for each module."""
        commands = parser.add_subparsers(dest="command", required=True)
        for name, module in _modules().items():
            child = commands.add_parser(name, help=module.HELP, description=module.HELP)
            child.add_argument(
                "--json", action="store_true", help="print nothing but JSON"
            )
            module.arguments(child)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the sub-command."""
        output = Output(cast("TextIO", self.stdout), quiet=options["json"])
        try:
            _modules()[options["command"]].run(options, output)
        except BtcWatcherError as error:
            raise CommandError(error.message) from error


def _modules() -> dict[str, ModuleType]:
    names = sorted(info.name for info in pkgutil.iter_modules(sub.__path__))
    # A word of Python's own gets an underscore behind it.
    return {
        name.rstrip("_"): importlib.import_module(f"{sub.__name__}.{name}")
        for name in names
    }

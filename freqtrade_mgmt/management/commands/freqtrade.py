"""``manage.py freqtrade list|install|uninstall|…``: one module of ``sub`` for each."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import Example, Formatter, Kept, below
from freqtrade_mgmt.management import sub
from freqtrade_mgmt.management.terminal import Output

if TYPE_CHECKING:
    from types import ModuleType

    from django.core.management.base import CommandParser


class Command(PlainCommand):
    """Looks after the releases of freqtrade."""

    help = gettext_lazy(
        "List, install, uninstall and move between releases of freqtrade."
    )
    examples = (
        Example(
            gettext_lazy("What is installed, and what is newest"), "freqtrade list"
        ),
        Example(gettext_lazy("Install the newest release"), "freqtrade install"),
        Example(gettext_lazy("Move all strategies to it"), "freqtrade upgrade 2026.9"),
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add one sub-command for each module."""
        commands = parser.add_subparsers(
            dest="command", required=True, metavar="COMMAND"
        )
        for name, module in modules().items():
            words = str(module.HELP)
            endings = getattr(module, "ENDINGS", None)
            child = commands.add_parser(
                name,
                help=words,
                description=words,
                formatter_class=Formatter,
                epilog=Kept(below(module.EXAMPLES, endings)),
            )
            child.add_argument(
                "--json", action="store_true", help=_("print nothing but JSON")
            )
            module.arguments(child)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the sub-command."""
        with self.bar("", options, total=100) as bar:
            output = Output(
                self,
                bar,
                quiet=options["json"],
                progress=options["verbosity"] > 0,
            )
            modules()[options["command"]].run(options, output)


def modules() -> dict[str, ModuleType]:
    """Return the sub-commands by name."""
    names = sorted(info.name for info in pkgutil.iter_modules(sub.__path__))
    # A word of Python's own gets an underscore behind it.
    return {
        name.rstrip("_"): importlib.import_module(f"{sub.__name__}.{name}")
        for name in names
    }

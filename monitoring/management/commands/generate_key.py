"""``manage.py generate_key``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.commands.base import PlainCommand, UsageError
from btc_watcher.lib.commands.helping import Example
from btc_watcher.lib.encryption import generate_key

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(PlainCommand):
    """Prints a new encryption key for BTCW_ENCRYPTION_KEYS."""

    help = gettext_lazy(
        "Print a new key as id:key. To rotate, put it first in BTCW_ENCRYPTION_KEYS and"
        " keep the old ones after it, separated by commas."
    )
    examples = (
        Example(gettext_lazy("A key called after today"), "generate_key"),
        Example(gettext_lazy("A key with a name of yours"), "generate_key --id office"),
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument("--id", help=_("the key's id (default: today's date)"))
        parser.add_argument(
            "--json", action="store_true", help=_("print one JSON object")
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the key."""
        key_id = options["id"] or f"k{timezone.now():%Y%m%d}"
        if ":" in key_id or "," in key_id:
            raise UsageError(
                _("The id %(id)r may hold neither a colon nor a comma.")
                % {"id": key_id}
            )
        key = f"{key_id}:{generate_key()}"
        if options["json"]:
            self.tell_json({"id": key_id, "key": key})
        else:
            self.tell(key)

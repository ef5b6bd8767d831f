"""``manage.py generate_key``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from btc_watcher.lib.encryption import generate_key

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Prints a new encryption key for BTCW_ENCRYPTION_KEYS."""

    help = (
        "Print a new key as id:key. To rotate, put it first in BTCW_ENCRYPTION_KEYS and"
        " keep the old ones after it, separated by commas."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument("--id", help="the key's id; by default today's date")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the key."""
        key_id = options["id"] or f"k{timezone.now():%Y%m%d}"
        if ":" in key_id or "," in key_id:
            raise CommandError(
                f"The id {key_id!r} may hold neither a colon nor a comma."
            )
        self.stdout.write(f"{key_id}:{generate_key()}")

"""``manage.py compile_translations``."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from btc_watcher.lib.catalogues import catalogues_compile
from btc_watcher.lib.errors import ConfigurationError


class Command(BaseCommand):
    """Compiles the catalogues in locale/ that changed; needs no gettext programs."""

    help = "Compile the translations in locale/ that changed."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Compile and say what was written."""
        try:
            written = catalogues_compile(settings.LOCALE_PATHS)
        except ConfigurationError as error:
            raise CommandError(error.message) from error
        for path in written:
            self.stdout.write(f"compiled {path}")

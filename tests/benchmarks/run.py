"""``python -m tests.benchmarks.run FIGURE``: one figure, with Django and a database."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import django
from django.core.management import call_command


def main() -> None:
    """Load Django, migrate the empty database, measure."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "btc_watcher.settings")  # noqa: TID251 - before settings exist
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    import_module(f"tests.benchmarks.{sys.argv[1]}").main()


if __name__ == "__main__":
    main()

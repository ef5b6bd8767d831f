#!/usr/bin/env python
"""Django's command line for BTC Watcher."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run the command named in the arguments."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "btc_watcher.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

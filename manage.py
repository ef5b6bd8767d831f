#!/usr/bin/env python
"""Django's command line for BTC Watcher."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

from btc_watcher.env import owner_take
from btc_watcher.lib.commands.ending import ending_plainly

# The system works as a role that changes no tables; these few do, or make databases.
BACKUPS = ("BTCW_BACKUP_DATABASE_URL",)
AS_OWNER = {
    "migrate": ("DATABASE_URL",),
    "setup_roles": ("DATABASE_URL",),
    "backup": BACKUPS,
    "restore": BACKUPS,
    "doctor": BACKUPS,
}


def main() -> None:
    """Run the command named in the arguments."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "btc_watcher.settings")
    owner_take(AS_OWNER.get(sys.argv[1] if len(sys.argv) > 1 else "", ()))
    with ending_plainly():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

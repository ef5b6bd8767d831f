"""Stands in for manage.py: answers as the real commands do, at once.

STUB_FAILS names a command that fails, with its sub-command or without.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

SEEDED = Path(os.getenv("BTCW_HOME", ".")) / "seeded"


def main() -> None:
    """Do as the command in the first argument does."""
    command = sys.argv[1]
    if os.getenv("STUB_FAILS") in {command, " ".join(sys.argv[1:3])}:
        sys.exit(f"{command} was told to fail")
    if command == "demo_seed":
        chosen = os.getenv("BTCW_ADMIN_PASSWORD") or "first-and-only"
        password = None if SEEDED.exists() else chosen
        SEEDED.touch()
        sys.stdout.write(json.dumps({"admin_password": password}) + "\n")
    elif sys.argv[1:3] == ["freqtrade", "list"]:
        sys.stdout.write(json.dumps([{"installed": True}]) + "\n")
    elif command.startswith("run_"):
        time.sleep(600)
    else:
        sys.stdout.write(f"{command} is done\n")


main()

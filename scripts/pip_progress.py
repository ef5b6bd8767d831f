#!/usr/bin/env python3
"""Reads pip's output and tells how far it is, in one short line.

Usage: pip install -r FILE | python scripts/pip_progress.py FILE

It runs before anything is installed, so it uses the standard library only.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PIN = re.compile(r"^[A-Za-z0-9._-]+(\[[^\]]*\])?==", re.MULTILINE)
COLLECTING = re.compile(r"^(?:Collecting|Requirement already satisfied:) ([^\s=]+)")
EVERY = 25


def main() -> None:
    """Follow standard input to its end."""
    name = sys.argv[1]
    total = len(PIN.findall(Path(name).read_text(encoding="utf-8")))
    live = sys.stdout.isatty()
    done = 0

    def show(text: str, *, last: bool = False) -> None:
        if live:
            sys.stdout.write(f"\r\x1b[K{text}" + ("\n" if last else ""))
        else:
            sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    show(f"Installing {name}: {total} packages at most")
    for line in sys.stdin:
        if found := COLLECTING.match(line):
            done += 1
            if live or done % EVERY == 0:
                show(f"Installing {name}: {done} of {total} found ({found[1]})")
        elif line.startswith("Installing collected packages"):
            show(f"Installing {name}: unpacking {done} packages")
        elif line.startswith("Successfully installed"):
            show(f"Installed {name}", last=True)


if __name__ == "__main__":
    main()

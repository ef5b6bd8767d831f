"""What a feeder says of changed markets. Run by freqtrade's Python: ``... PROGRAM``.

A line of JSON on stdin are the markets that an exchange has now; a line on stdout is what
the feeder says of them, and what a worker then has. ``"new feeder"`` makes another.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace


def main(program: str) -> None:
    """Be a feeder's and a worker's exchange until stdin ends."""
    runpy.run_path(str(Path(program) / "main.py"))["package_here"]()
    from freqtrade_mgmt.runner.exchange import (  # noqa: PLC0415 - not in our own environment
        Fetched,
        markets_change,
    )

    opened = json.loads(sys.stdin.readline())
    # Reloading an exchange gives it another mapping.
    worker = SimpleNamespace(_markets=dict(opened))
    feeder = SimpleNamespace(markets=dict(opened), reload_markets=lambda: None)
    fetched = Fetched(feeder)
    for line in sys.stdin:
        now = json.loads(line)
        if now == "new feeder":
            feeder = SimpleNamespace(markets=dict(opened), reload_markets=lambda: None)
            fetched = Fetched(feeder)
            continue
        feeder.markets = now
        said = fetched.markets()
        if said is not None:
            markets_change(worker, said)
        print(json.dumps({"said": said, "has": worker._markets}), flush=True)  # noqa: T201 - freqtrade's name; to the test


if __name__ == "__main__":
    main(*sys.argv[1:])

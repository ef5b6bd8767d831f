"""Stands in for ``python -m celery``.

STUB_FAILS=once makes the scheduler end at its first start.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

FAILED = Path(os.getenv("BTCW_HOME", ".")) / "failed-once"
if os.getenv("STUB_FAILS") == "once" and "beat" in sys.argv and not FAILED.exists():
    FAILED.touch()  # The web process waits for it.
    sys.exit("beat was told to fail")
time.sleep(600)

"""The only reader of the process environment.

Values come, strongest first, from the environment, from ``.env`` beside
``manage.py``, and from ``local.env`` in ``BTCW_HOME``, which ``make up`` writes.
"""

from __future__ import annotations

import os
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("BTCW_HOME") or BASE_DIR / "var").expanduser().resolve()

env = environ.Env()
for _path in (BASE_DIR / ".env", HOME / "local.env"):
    if _path.is_file():
        environ.Env.read_env(str(_path), overwrite=False)

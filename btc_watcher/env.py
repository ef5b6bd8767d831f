"""The only reader of the process environment.

Values come, strongest first, from the environment, from ``.env`` beside
``manage.py``, and from ``local.env`` in ``BTCW_HOME``, which ``make up`` writes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import environ

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("BTCW_HOME") or BASE_DIR / "var").expanduser().resolve()

env = environ.Env()
for _path in (BASE_DIR / ".env", HOME / "local.env"):
    if _path.is_file():
        environ.Env.read_env(str(_path), overwrite=False)


def environment_for_child(changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return our environment for a child process, with changes; None takes one out.

    What is secret goes this way: every user of the machine can read command lines. Our
    own settings, with their keys, are left out: a package that is built runs its code.
    """
    ours = {key: value for key, value in os.environ.items() if not _is_ours(key)}
    wanted = {**ours, **{key: value for key, value in changes.items() if value}}
    return {
        key: value for key, value in wanted.items() if changes.get(key, "") is not None
    }


def _is_ours(name: str) -> bool:
    return name.startswith("BTCW_") or name in {"DATABASE_URL", "REDIS_URL"}

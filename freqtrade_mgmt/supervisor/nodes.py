"""Who this node is."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.bot_files import file_write
from freqtrade_mgmt.leases.store import Node
from freqtrade_mgmt.supervisor.limits import BOT_MB, budget_mb

if TYPE_CHECKING:
    from pathlib import Path

FILE = "node"


def node_here() -> Node:
    """Return this node; the first time its home is given a mark.

    Raises ConfigurationError when that cannot be written.
    """
    home: Path = settings.BTCW_HOME
    return Node(
        name=settings.NODE_NAME[:100],
        home=_mark(home / "run" / FILE),
        address=settings.NODE_ADDRESS,
        capacity=int(budget_mb(settings.BOTS_MEMORY_MB) // BOT_MB),
    )


def _mark(path: Path) -> str:
    try:
        return str(uuid.UUID(path.read_text(encoding="utf-8").strip()))
    except (OSError, ValueError):
        mark = str(uuid.uuid4())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file_write(path, mark)
    except OSError as error:
        raise ConfigurationError(
            f"The file {path} cannot be written ({error.strerror}). Give it to the user"
            " that runs the supervisor."
        ) from error
    return mark

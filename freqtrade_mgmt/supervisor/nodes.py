"""Who this node is."""

from __future__ import annotations

import contextlib
import math
import uuid
from typing import TYPE_CHECKING

from django.conf import settings

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.bot_files import file_write
from freqtrade_mgmt.leases.picture import Sizes
from freqtrade_mgmt.leases.restored import HOME_MARK
from freqtrade_mgmt.leases.store import Node
from freqtrade_mgmt.supervisor import guard_program
from freqtrade_mgmt.supervisor.hosting_groups import EMPTY_MB
from freqtrade_mgmt.supervisor.installs import supervisor_lock_path
from freqtrade_mgmt.supervisor.limits import BOT_MB, SHARED_MB, budget_mb

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LIFE_FILE = "node.life"


def node_here() -> Node:
    """Return this node, with a new life; the first time its home is given a mark.

    Raises ConfigurationError when that cannot be written.
    """
    home: Path = settings.BTCW_HOME
    mark = _mark(home / HOME_MARK)
    place = _place(supervisor_lock_path())
    last = _read(home / "run" / LIFE_FILE)
    return Node(
        name=settings.NODE_NAME[:100],
        home=mark,
        address=settings.NODE_ADDRESS,
        capacity=int(budget_mb(settings.BOTS_MEMORY_MB) // _each_mb()),
        life=f"{place}/{uuid.uuid4().hex}",
        # We hold the lock that this one held: it has ended.
        was=last if place and last.startswith(f"{place}/") else "",
    )


def _each_mb() -> int:
    """Return what one more strategy takes of the memory, roughly."""
    return SHARED_MB if settings.RUNNERS else BOT_MB


def sizes_here(own: Iterable[int]) -> Sizes:
    """Return what strategies take of a node's capacity.

    ``own`` are those that have a process of their own. Where all have, each counts one.
    """
    if not settings.RUNNERS:
        return Sizes()
    return Sizes(
        own=frozenset(own),
        each=math.ceil(BOT_MB / SHARED_MB),
        empty=math.ceil(EMPTY_MB / SHARED_MB),
    )


def life_keep(node: Node) -> None:
    """Write down the life of a node for the supervisor that comes after this one.

    Where that is impossible, that one waits until nothing was heard of us for a while.
    """
    home: Path = settings.BTCW_HOME
    with contextlib.suppress(OSError):
        file_write(home / "run" / LIFE_FILE, node.life)


def life_forget() -> None:
    """Forget the last life: a copy of us speaks in its name, and may live."""
    home: Path = settings.BTCW_HOME
    with contextlib.suppress(OSError):
        (home / "run" / LIFE_FILE).unlink(missing_ok=True)


def _place(lock: Path) -> str:
    """Name the lock of this home in this start of this machine; empty: it has no name.

    A copy of the home has another file, a copy of the machine another start.
    """
    try:
        lock.touch()
        about = lock.stat()
    except OSError:
        return ""
    boot = guard_program.boot()
    return boot and f"{boot}/{about.st_dev}:{about.st_ino}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def _mark(path: Path) -> str:
    try:
        return str(uuid.UUID(_read(path)))
    except ValueError:
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

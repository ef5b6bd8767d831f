"""Names for workers of one node, of which there may be several of a kind.

Signs of life are kept by node and name, so two workers must not share one; and a worker
that starts again must get its name back, or its old one would be missed for ever.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
from typing import Final

from btc_watcher.container.saying import ContainerError
from btc_watcher.env import HOME, env

MOST: Final = 64


def node_name() -> str:
    """Return what this machine is called, as the settings do."""
    return env.str("BTCW_NODE", default="") or socket.gethostname()


def worker_name(kind: str) -> str:
    """Return ``kind`` for the first worker of a kind on this node, ``kind-2`` for the next.

    The name is held by a lock that goes over to the program we become, and ends with it.
    """
    folder = HOME / "run"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        node = re.sub(r"[^\w.-]", "_", node_name())
        for number in range(1, MOST + 1):
            name = kind if number == 1 else f"{kind}-{number}"
            if _taken(str(folder / f"{node}-{name}.lock")):
                return name
    except OSError as error:
        raise ContainerError(
            f"{folder} cannot be written ({error.strerror}). Give BTCW_HOME to the user"
            f" {os.getuid()} of the container."
        ) from error
    raise ContainerError(f"{MOST} workers {kind} run on {node_name()} already.")


def _taken(path: str) -> bool:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    # For the program that we become.
    fcntl.fcntl(descriptor, fcntl.F_SETFD, 0)
    return True

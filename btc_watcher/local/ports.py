"""Loopback ports: is one free, and which one shall be used."""

from __future__ import annotations

import socket

import psutil

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Tell whether ``port`` can be listened on at 127.0.0.1 right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set this too: a port in TIME_WAIT is usable.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def any_free() -> int:
    """Return a port that the system says is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
        if not isinstance(port, int):
            raise TypeError(
                f"getsockname() answered {port!r} instead of a port number."
            )
        return port


def choose(*preferred: int | None) -> int:
    """Return the first free port of ``preferred`` (None is skipped), else any free one."""
    for port in preferred:
        if port is not None and is_free(port):
            return port
    return any_free()


def listens(pid: int | None, port: int) -> bool:
    """Tell whether the process ``pid`` itself listens on ``port``.

    That something answers on a port does not prove that it is ours.
    """
    if pid is None:
        return False
    try:
        sockets = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(s.status == psutil.CONN_LISTEN and s.laddr.port == port for s in sockets)

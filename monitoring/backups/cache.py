"""A snapshot of Redis, asked for as a replica does: it works on any server we reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import redis
from django.conf import settings

from btc_watcher.lib.redis_client import redis_client
from monitoring.backups.shapes import BackupError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

# A server sends a byte every few seconds while it writes its snapshot.
WAIT_SECONDS: Final = 60.0
CHUNK: Final = 1 << 16
MAGIC: Final = (b"REDIS", b"VALKEY")
LINE_BYTES: Final = 1024


def snapshot_read(write: Callable[[bytes], None]) -> int:
    """Give the server's snapshot (RDB, all its databases) to ``write``; return its bytes.

    BackupError when the server refuses, as many rented ones do, or breaks off.
    """
    client = redis_client(settings.REDIS_URL, connect_timeout=5, timeout=WAIT_SECONDS)
    connection: Any = client.connection_pool.make_connection()
    try:
        connection.connect()
        connection.send_command("SYNC")
        # From here on the server speaks as to a replica, which the library does not.
        return _receive(connection._sock, write)  # noqa: SLF001 - there is no other way
    except (redis.RedisError, OSError) as error:
        raise BackupError(
            f"Redis gave no snapshot ({type(error).__name__}). Nothing is lost by that:"
            " PostgreSQL has everything."
        ) from error
    finally:
        connection.disconnect()


def _receive(source: socket.socket, write: Callable[[bytes], None]) -> int:
    line = b""
    # Empty lines say that the server is still at work.
    while not line:
        line = _line(source)
    if not line.startswith(b"$") or not line[1:].isdigit():
        words = line[1:200].decode(errors="replace")
        raise BackupError(
            f"Redis refused a snapshot: {words}. Nothing is lost by that: PostgreSQL"
            " has everything. Give the user the right to SYNC for one."
        )
    total = left = int(line[1:])
    first = b""
    while left:
        piece = source.recv(min(CHUNK, left))
        if not piece:
            raise BackupError("Redis broke off in the middle of its snapshot.")
        first = first or piece
        left -= len(piece)
        write(piece)
    if not first.startswith(MAGIC):
        raise BackupError("What Redis sent is no snapshot.")
    return total


def _line(source: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = source.recv(1)
        if not byte or len(line) > LINE_BYTES:
            raise BackupError("Redis broke off before its snapshot.")
        line += byte
    return line.strip()

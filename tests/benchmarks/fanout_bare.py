"""The bare reference: ``websockets`` with ``broadcast`` on one Redis subscription.

``python -m tests.benchmarks.fanout_bare PORT REDIS_URL CHANNEL``. No accounts, no
cursors, no limits: what the libraries give, on the event loop that the product has.
"""

from __future__ import annotations

import resource
import sys
from typing import Any

import redis.asyncio
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve


async def run(port: int, url: str, channel: str) -> None:
    """Hand what the channel says to everybody who is connected, until killed."""
    connections: set[ServerConnection] = set()

    async def handle(connection: ServerConnection) -> None:
        connections.add(connection)
        try:
            await connection.wait_closed()
        finally:
            connections.discard(connection)

    client = redis.asyncio.Redis.from_url(url, socket_timeout=None)
    async with serve(handle, "127.0.0.1", port), client.pubsub() as subscription:
        await subscription.subscribe(channel)
        messages: Any = subscription.listen()
        async for message in messages:
            if message["type"] == "message":
                broadcast(connections, message["data"], text=True)


def main() -> None:
    """Serve."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    port, url, channel = sys.argv[1:]
    uvloop.run(run(int(port), url, channel))


if __name__ == "__main__":
    main()

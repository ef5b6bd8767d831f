"""A client of a strategy's WebSocket that reads nothing. No process is started."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest

from freqtrade_mgmt.runner.api import StrategyApi
from freqtrade_mgmt.supervisor.processes import Port
from tests.freqtrade_mgmt.runner.scripted import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from freqtrade_mgmt.runner.api import Answers
    from freqtrade_mgmt.runner.hosted import Hosted

LARGE = b"x" * 20_000
SUBSCRIBE = {"type": "subscribe", "data": ["analyzed_df"]}


@pytest.fixture
async def served() -> AsyncIterator[tuple[StrategyApi, str]]:
    held = Port()
    server = SimpleNamespace(
        host="127.0.0.1", port=held.number, username="u", password="p", token="t"
    )
    hosted = SimpleNamespace(order=SimpleNamespace(server=server), facts=None)
    hub = SimpleNamespace(topics=frozenset({"analyzed_df"}))
    api = StrategyApi(cast("Hosted", hosted), cast("Answers", hub))
    await api.start()
    yield api, f"http://127.0.0.1:{held.number}/api/v1/message/ws?token=t"
    await api.close()
    held.close()


@contextlib.asynccontextmanager
async def subscribed(client: aiohttp.ClientSession, url: str) -> AsyncIterator[Any]:
    """Connect until a subscription was taken, and let go at once in the end."""
    socket = await client.ws_connect(url)
    try:
        await socket.send_json(SUBSCRIBE)
        await socket.send_json({"type": "whitelist"})
        assert (await socket.receive_json())["type"] == "whitelist"
        yield socket
    finally:
        # One that is cut off never says goodbye.
        socket._response.close()


async def flood(api: StrategyApi) -> None:
    """Send more than is kept for a client."""
    for number in range(7_000):
        api.broadcast("analyzed_df", LARGE)
        if number % 50 == 0:
            await asyncio.sleep(0)


async def test_a_client_that_reads_nothing_is_cut_off_and_its_messages_let_go(
    served: tuple[StrategyApi, str],
) -> None:
    api, url = served
    async with aiohttp.ClientSession() as client:
        async with subscribed(client, url) as socket:
            transport = socket._response.connection.transport
            transport.pause_reading()
            await flood(api)
            await until(lambda: not api._listeners)
            # It learns of it, and may come again.
            transport.resume_reading()
            async with asyncio.timeout(20):
                while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass
            assert socket.closed
        async with subscribed(client, url) as again:
            api.broadcast("analyzed_df", b"new")
            assert await again.receive_str() == "new"


async def test_a_client_that_asks_and_reads_nothing_is_cut_off_too(
    served: tuple[StrategyApi, str],
) -> None:
    api, url = served
    async with aiohttp.ClientSession() as client, subscribed(client, url) as socket:
        socket._response.connection.transport.pause_reading()
        async with asyncio.timeout(60):
            while not socket.closed:
                try:
                    await socket.send_json({"type": "y" * 20_000})
                except (ConnectionError, aiohttp.ClientError):
                    break
        await until(lambda: not api._listeners)

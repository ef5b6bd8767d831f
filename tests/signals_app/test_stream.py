"""The live feed as Server-Sent Events: resumed, honest about losses, ended on revoking."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from channels.db import database_sync_to_async
from django.test import AsyncClient, Client

from accounts.facts import RequestFacts
from accounts.models import User, UserSession
from accounts.services import token_create
from signals_app import stream
from signals_app.feed import cursor_now, hub_of_this_loop, publish, publisher
from signals_app.feed import hub as hub_module

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import redis
    from pytest_django import Settings

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/stream/"
PATIENCE = 20


@pytest.fixture(autouse=True)
def _fresh(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher._missed, "events", False)
    monkeypatch.setattr(hub_module, "BLOCK_MS", 50)


class Gate:
    """A way to Redis that can be shut: connections break and no new ones are made."""

    def __init__(self, url: str) -> None:
        self._there = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()
        self._port = 0

    @property
    def url(self) -> str:
        """The address of Redis through the gate."""
        login, at, _place = self._there.netloc.rpartition("@")
        place = f"{login}{at}127.0.0.1:{self._port}"
        return self._there._replace(netloc=place).geturl()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._relay(reader, writer))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def _relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there = await asyncio.open_connection(self._there.hostname, self._there.port)
        try:
            await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))
        finally:
            writer.close()
            there[1].close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    writer.close()


@pytest.fixture
async def gate(settings: Settings) -> AsyncIterator[Gate]:
    """The feed's way to Redis, open at first."""
    made = Gate(settings.REDIS_URL)
    await made.open()
    straight = settings.REDIS_URL
    settings.REDIS_URL = made.url
    hub_of_this_loop()
    # Everything else goes on having Redis.
    settings.REDIS_URL = straight
    yield made
    await made.shut()


@pytest.fixture
def token() -> str:
    user = User.objects.create_user("integrator", "secret-word")
    facts = RequestFacts("127.0.0.1", "tests")
    return token_create(user=user, facts=facts, days=1)[1]


def headers(token: str, **more: str) -> dict[str, str]:
    wanted = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    return wanted | {name.replace("_", "-"): value for name, value in more.items()}


async def opened(token: str, **more: str) -> AsyncIterator[bytes]:
    """Open the stream and read its first line, after which nothing is missed."""
    answer: Any = await AsyncClient().get(URL, headers=headers(token, **more))
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/event-stream")
    chunks: AsyncIterator[bytes] = aiter(answer.streaming_content)
    assert await said(chunks) == "retry: 3000"
    return chunks


async def said(chunks: AsyncIterator[bytes]) -> str:
    async with asyncio.timeout(PATIENCE):
        return (await anext(chunks)).decode().strip()


async def after(chunks: AsyncIterator[bytes], repeated: str) -> str:
    """Return the next event that does not begin with ``repeated``."""
    while True:
        text = await said(chunks)
        if not text.startswith(":") and not (repeated and text.startswith(repeated)):
            return text


def event(number: int) -> dict[str, Any]:
    return {"type": "delivered", "number": number}


async def tell(*events: dict[str, Any]) -> None:
    await database_sync_to_async(publish)(list(events))


async def test_what_was_missed_is_sent_first_and_then_what_arrives(token: str) -> None:
    await tell(event(1))
    before = await database_sync_to_async(cursor_now)()
    await tell(event(2))

    chunks = await opened(token, last_event_id=before)
    second = await said(chunks)
    await tell(event(3))
    third = await said(chunks)
    await chunks.aclose()  # type: ignore[attr-defined]

    for text, number in ((second, 2), (third, 3)):
        first, kind, data = text.splitlines()
        frame = json.loads(data.removeprefix("data: "))
        assert kind == "event: signal"
        assert frame["event"]["number"] == number
        assert first == f"id: {frame['cursor']}"


async def test_a_cursor_that_is_gone_is_told_to_read_anew(token: str) -> None:
    chunks = await opened(token, last_event_id="99999999999999-0")

    assert (await said(chunks)).startswith("event: reload")
    await chunks.aclose()  # type: ignore[attr-defined]


async def test_while_redis_is_away_the_stream_says_so_and_goes_on_afterwards(
    token: str, gate: Gate
) -> None:
    chunks = await opened(token)
    await gate.shut()
    stalled = await said(chunks)
    await tell(event(1))
    # Who comes now is let in, and told the same.
    late = await opened(token)
    also = await after(late, "")
    await gate.open()
    # What came meanwhile is read anew from the list of signals.
    for each in (chunks, late):
        assert (await after(each, "event: stalled")).startswith("event: reload")
    await tell(event(2))
    heard = [await after(each, "event: reload") for each in (chunks, late)]
    for each in (chunks, late):
        await each.aclose()  # type: ignore[attr-defined]

    for text in (stalled, also):
        name, data = text.splitlines()
        assert name == "event: stalled"
        told = json.loads(data.removeprefix("data: "))
        assert told == {"cursor": None, "event": {"type": "stalled"}}
    for text in heard:
        assert text.splitlines()[1] == "event: signal"


async def test_a_token_that_is_revoked_ends_its_stream(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.2)
    chunks = await opened(token)
    assert (await said(chunks)).startswith(":")

    await UserSession.objects.all().adelete()

    async with asyncio.timeout(PATIENCE):
        rest = [chunk async for chunk in chunks]
    assert all(chunk.startswith(b":") for chunk in rest)


def test_a_stranger_and_a_wrong_id_are_refused(token: str) -> None:
    stranger = Client().get(URL, headers={"Accept": "text/event-stream"})
    wrong = Client().get(URL, headers=headers(token, last_event_id="yesterday"))

    assert (stranger.status_code, wrong.status_code) == (401, 400)
    assert wrong["Content-Type"].startswith("application/problem+json")


async def test_an_id_that_redis_would_refuse_is_refused_and_stalls_nobody(
    token: str,
) -> None:
    await tell(event(1), event(2))
    now = await database_sync_to_async(cursor_now)()
    stamp, number = now.split("-")
    chunks = await opened(token, last_event_id=now)
    # It hears whatever comes from here on.
    assert (await said(chunks)).startswith(":")

    for wrong in (
        f"{stamp}-",
        f"{stamp[0]}_{stamp[1:]}-{number}",
        f"+{stamp}-{number}",
        "1-18446744073709551616",
        f"{stamp}-{'0' * 40}{number}",
    ):
        answer = await AsyncClient().get(
            URL, headers=headers(token, last_event_id=wrong)
        )
        assert answer.status_code == 400, wrong
    await tell(event(3))
    text = await after(chunks, "")
    await chunks.aclose()  # type: ignore[attr-defined]

    data = text.splitlines()[-1].removeprefix("data: ")
    assert json.loads(data)["event"] == event(3)


def test_a_server_that_cannot_stream_says_so(token: str) -> None:
    answer = Client().get(URL, headers=headers(token))

    assert answer.status_code == 503
    assert answer["Retry-After"]

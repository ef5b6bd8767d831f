"""What breaks for one page of the live feed breaks for no other, and is not kept silent."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from signals_app import consumers
from signals_app.feed import hub as hub_module
from signals_app.feed import hub_of_this_loop, publish
from signals_app.feed.frames import START, position
from signals_app.feed.hub import Hub
from tests.signals_app.feed_pages import PERSON, ROUTER, event, tell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import redis
    from pytest_django import Settings

    from btc_watcher.lib.shared_frames import SharedFrames
    from signals_app.feed.frames import Batch
    from signals_app.feed.subscription import Subscription
    from tests.websocket import Page

pytestmark = pytest.mark.usefixtures("fresh_feed")
PATIENCE = 20


async def heard(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await page.text())["event"]
    return found


async def got(page: Subscription) -> list[Any]:
    """Return the numbers, or else the types, of the next events."""
    async with asyncio.timeout(PATIENCE):
        batch = await page.get()
    assert batch is not None
    told = [json.loads(frame.text)["event"] for frame in batch.frames]
    return [each.get("number", each["type"]) for each in told]


@pytest.mark.parametrize(
    "shape",
    [
        "{stamp}-",
        "{first}_{rest}-{number}",
        "+{stamp}-{number}",
        " {stamp}-{number}",
        "{stamp}-{number}\n",
        "{stamp}-{number}-0",
        "\N{FULLWIDTH DIGIT ONE}-0",
        "1-18446744073709551616",
        "18446744073709551616",
        "1-000000000000000000001",
    ],
)
async def test_what_redis_takes_for_no_cursor_is_refused_and_stalls_no_other_page(
    connect: Callable[..., Any], shape: str
) -> None:
    now = await tell(event(1), event(2))
    other = await connect(now)
    stamp, number = now.split("-")
    parts = {"stamp": stamp, "first": stamp[0], "rest": stamp[1:], "number": number}

    wrong = await connect(shape.format(**parts))

    assert await wrong.close_code() == consumers.BAD_CURSOR
    await tell(event(3))
    assert await heard(other) == event(3)


def test_the_last_cursor_of_all_is_still_one() -> None:
    assert position(f"{2**64 - 1}-{2**64 - 1}") == (2**64 - 1, 2**64 - 1)


@pytest.fixture
async def no_replay(
    redis_client: redis.Redis, settings: Settings
) -> AsyncIterator[None]:
    """The feed's login to Redis may follow the stream, but not read a part of it."""
    name = f"follower-{uuid.uuid4().hex}"
    redis_client.acl_setuser(
        name, enabled=True, nopass=True, keys=["*"], commands=["+@all", "-xrange"]
    )
    straight = settings.REDIS_URL
    parts = urlsplit(straight)
    place = parts.netloc.rpartition("@")[2]
    settings.REDIS_URL = parts._replace(netloc=f"{name}:any@{place}").geturl()
    hub_of_this_loop()
    # Everything else goes on with its own login.
    settings.REDIS_URL = straight
    yield
    redis_client.acl_deluser(name)


@pytest.mark.usefixtures("no_replay")
async def test_a_replay_that_redis_refuses_makes_that_page_alone_load_anew(
    connect: Callable[..., Any],
) -> None:
    before = await tell(event(1))
    now = await tell(event(2))
    other = await connect(now)

    behind = await connect(before)

    assert await heard(behind) == {"type": "reload"}
    await tell(event(3))
    assert await heard(other) == event(3)
    assert await heard(behind) == event(3)


@pytest.mark.parametrize(
    "refusal",
    [ConnectionResetError("The page has gone."), RuntimeError("It was closed before.")],
    ids=["gone", "closed"],
)
async def test_nothing_goes_on_for_a_page_that_broke_when_it_had_gone(
    monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    broke = asyncio.Event()

    async def broken(*_arguments: object) -> None:
        raise ValueError("broken")

    incoming = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect"}])

    async def receive() -> dict[str, Any]:
        message: dict[str, Any] = {**next(incoming), "code": 1006}
        if message["type"] == "websocket.disconnect":
            await broke.wait()
        return message

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close":
            broke.set()
            raise refusal

    monkeypatch.setattr(consumers.SignalsConsumer, "_send_missed", broken)
    scope = {
        "type": "websocket",
        "path": "/signals/",
        "query_string": b"after=1-0",
        "headers": [],
        "user": PERSON,
        "session": {},
    }
    async with asyncio.timeout(PATIENCE):
        await ROUTER(scope, receive, send)

    assert "live page" not in {task.get_name() for task in asyncio.all_tasks()}


class _Broken:
    """A connection that cannot be written to, and does not know it."""

    def write(self, _shared: SharedFrames) -> bool:
        raise RuntimeError("handler is closed")

    async def drained(self) -> None:
        raise AssertionError("Nobody waits here.")


async def test_a_page_that_cannot_be_told_keeps_nothing_from_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub = Hub()
    async with hub.subscribe() as broken, hub.subscribe() as other:
        broken.go_on(START, _Broken())
        waiting = asyncio.create_task(broken.get())
        await asyncio.sleep(0)

        await tell(event(1))
        assert await got(other) == [1]
        assert await waiting is None
        await tell(event(2))
        assert await got(other) == [2]
    assert "A live page could not be told." in caplog.text


class _FlushedMeanwhile(Hub):
    """While it hands out the first events somebody flushes Redis, and others come."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__()
        self._client = client
        self._flushed = False

    def _broadcast(self, batch: Batch) -> None:
        if not self._flushed:
            self._flushed = True
            self._client.flushdb()
            publish([event(100)])
        super()._broadcast(batch)


async def test_a_flush_while_a_long_reply_is_handed_out_makes_pages_load_anew(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "READ_COUNT", 2)
    await tell(event(0))
    hub = _FlushedMeanwhile(redis_client)
    async with hub.subscribe() as page:
        await tell(*(event(number) for number in range(1, 6)))
        assert await got(page) == [1, 2]
        assert await got(page) == ["reload"]
        assert await got(page) == [100]

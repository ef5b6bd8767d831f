"""The live feed: nothing skipped, nothing twice, and honest about what was lost."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import AnonymousUser

from btc_watcher.lib import kept_task, redis_keys
from btc_watcher.lib.websocket_origin import SameOrigin, origin_allowed
from signals_app import consumers
from signals_app.feed import cursor_now, publish, publish_reload
from signals_app.feed import hub as hub_module
from signals_app.feed import subscription as subscription_module
from signals_app.feed.frames import (
    RELOAD_TEXT,
    STALLED_TEXT,
    Batch,
    Frame,
    position,
)
from signals_app.feed.hub import Hub
from signals_app.feed.subscription import Subscription
from tests.signals_app.feed_pages import ROUTER, event, tell
from tests.websocket import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import redis

pytestmark = pytest.mark.usefixtures("fresh_feed")


def tell_one_by_one(numbers: Iterable[int]) -> None:
    for number in numbers:
        publish([event(number)])


async def numbers(page: Page, count: int) -> list[int]:
    frames = [json.loads(await page.text()) for _ in range(count)]
    return [frame["event"]["number"] for frame in frames]


async def test_what_is_published_reaches_every_page_in_order(
    connect: Callable[..., Any],
) -> None:
    start = await asyncio.to_thread(cursor_now)
    pages = [await connect(start) for _ in range(3)]

    await tell(event(1), event(2), event(3))

    for page in pages:
        assert await numbers(page, 3) == [1, 2, 3]


async def test_a_page_resumes_after_the_last_event_that_it_saw(
    connect: Callable[..., Any],
) -> None:
    await tell(event(1))
    seen = await asyncio.to_thread(cursor_now)
    await tell(event(2), event(3))

    page = await connect(seen)
    assert await numbers(page, 2) == [2, 3]
    await tell(event(4))
    assert await numbers(page, 1) == [4]
    assert await page.hears_nothing()


async def test_events_during_the_replay_are_neither_lost_nor_repeated(
    connect: Callable[..., Any],
) -> None:
    start = await asyncio.to_thread(cursor_now)
    telling = asyncio.create_task(asyncio.to_thread(tell_one_by_one, range(300)))
    page = await connect(start)
    got = await numbers(page, 300)
    await telling

    assert got == list(range(300))


async def test_a_flushed_stream_makes_the_page_load_anew(
    connect: Callable[..., Any], redis_client: redis.Redis
) -> None:
    await tell(event(1))
    cursor = await asyncio.to_thread(cursor_now)
    redis_client.flushdb()

    page = await connect(cursor)

    frame = json.loads(await page.text())
    assert frame == {"cursor": None, "event": {"type": "reload"}}


async def test_a_flush_while_a_page_is_open_makes_it_load_anew(
    connect: Callable[..., Any], redis_client: redis.Redis
) -> None:
    await tell(event(1))
    page = await connect(await asyncio.to_thread(cursor_now))
    redis_client.flushdb()

    frame = json.loads(await page.text())
    assert frame["event"] == {"type": "reload"}
    await tell(event(2))
    assert await numbers(page, 1) == [2]


async def test_a_flushed_stream_that_filled_again_makes_the_page_load_anew(
    connect: Callable[..., Any], redis_client: redis.Redis
) -> None:
    await tell(event(1))
    cursor = await asyncio.to_thread(cursor_now)
    await tell(event(2))
    redis_client.flushdb()
    await tell(event(3))

    page = await connect(cursor)

    assert json.loads(await page.text())["event"]["type"] == "reload"


async def test_a_page_that_comes_while_the_last_one_leaves_hears_everything() -> None:
    hub = Hub()
    first = hub.subscribe()
    await first.__aenter__()
    leaving = asyncio.create_task(first.__aexit__(None, None, None))
    await asyncio.sleep(0)

    async with hub.subscribe() as second:
        await leaving
        await tell(event(1))
        frame = await asyncio.wait_for(second.get(), 5)

    assert frame is not None


async def test_a_page_far_behind_is_told_to_load_anew(
    connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "REPLAY_LENGTH", 2)
    await tell(event(1))
    cursor = await asyncio.to_thread(cursor_now)
    await tell(event(2), event(3), event(4))

    page = await connect(cursor)

    assert json.loads(await page.text())["event"]["type"] == "reload"


@pytest.mark.django_db(transaction=True)
async def test_a_login_that_ends_is_noticed_on_a_busy_page_too(
    connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(
        consumers, "login_lives", database_sync_to_async(lambda _scope: False)
    )
    page = await connect(await asyncio.to_thread(cursor_now))

    output: dict[str, Any] = {}
    for number in range(200):
        await tell(event(number))
        output = await page.output()
        if output["type"] == "websocket.close":
            break
        await asyncio.sleep(0.01)

    assert output == {"type": "websocket.close", "code": consumers.NOT_LOGGED_IN}


async def test_events_do_not_wait_until_a_login_was_looked_up(
    connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slowly(_scope: object) -> bool:
        asked.set()
        await answer.wait()
        return False

    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(consumers, "login_lives", slowly)
    page = await connect(await asyncio.to_thread(cursor_now))
    await asyncio.wait_for(asked.wait(), 5)

    await tell(event(1))
    assert await numbers(page, 1) == [1]
    answer.set()
    assert await page.close_code() == consumers.NOT_LOGGED_IN


async def test_a_page_whose_pump_breaks_is_hung_up_on(
    connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_arguments: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(consumers.SignalsConsumer, "_send_missed", broken)

    page = await connect("1-0")

    assert await page.close_code() == consumers.BROKEN


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://watcher.example:8000", True),
        ("https://WATCHER.example:8000", True),
        ("http://watcher.example:9000", False),
        ("http://other.example:8000", False),
        ("null", False),
    ],
)
def test_only_our_own_origin_may_connect(origin: str | None, allowed: bool) -> None:
    assert origin_allowed(origin, "watcher.example:8000") is allowed


async def test_a_foreign_page_is_refused_before_anything_else() -> None:
    headers = [(b"origin", b"http://evil.example"), (b"host", b"127.0.0.1:8000")]
    page = Page(SameOrigin(ROUTER), "/signals/", headers=headers)

    with pytest.raises(AssertionError, match="4403"):
        await page.connect()


async def test_a_cursor_older_than_the_stream_makes_the_page_load_anew(
    connect: Callable[..., Any], redis_client: redis.Redis
) -> None:
    await tell(event(1), event(2))
    redis_client.xtrim(redis_keys.SIGNALS_STREAM, maxlen=1, approximate=False)

    page = await connect("1-0")

    assert json.loads(await page.text())["event"]["type"] == "reload"


async def test_the_supervisors_start_tells_pages_to_load_anew(
    connect: Callable[..., Any],
) -> None:
    page = await connect(await asyncio.to_thread(cursor_now))

    await asyncio.to_thread(publish_reload)

    assert json.loads(await page.text())["event"]["type"] == "reload"


async def test_somebody_who_is_not_logged_in_hears_nothing(
    connect: Callable[..., Any],
) -> None:
    page = await connect(user=AnonymousUser())

    assert await page.close_code() == consumers.NOT_LOGGED_IN


async def test_a_wrong_cursor_is_refused(connect: Callable[..., Any]) -> None:
    page = await connect("yesterday")

    assert await page.close_code() == consumers.BAD_CURSOR


@pytest.mark.django_db(transaction=True)
async def test_silence_is_filled_with_heartbeats_until_the_login_ends(
    connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.05)
    lives = iter([True, False])
    monkeypatch.setattr(
        consumers, "login_lives", database_sync_to_async(lambda _scope: next(lives))
    )

    page = await connect()

    assert "heartbeat" in await page.text()
    assert await page.close_code() == consumers.NOT_LOGGED_IN


async def test_a_page_that_does_not_keep_up_is_told_to_load_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscription_module, "QUEUE_LENGTH", 2)
    slow = Subscription()
    for number in range(5):
        slow.put(Batch([Frame((1, number), str(number))]))

    assert await slow.get() is None
    slow.put(Batch([Frame((2, 0), "after")]))
    assert await _next(slow) == "after"


class _HeldUp(Hub):
    """Its reader is too busy to read for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.may_read = asyncio.Event()

    async def _forward(self) -> bool:
        await self.may_read.wait()
        return await super()._forward()


@pytest.mark.parametrize("begun", [True, False])
async def test_events_that_went_before_they_were_read_make_pages_load_anew(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    monkeypatch.setattr(hub_module, "READ_COUNT", 2)
    if begun:
        await tell(event(0))
    hub = _HeldUp()
    async with asyncio.timeout(20), hub.subscribe() as page:
        await tell(*(event(number) for number in range(1, 6)))
        redis_client.xtrim(redis_keys.SIGNALS_STREAM, maxlen=3, approximate=False)
        hub.may_read.set()
        assert await _next(page) == RELOAD_TEXT
        batch = await page.get()
        assert batch is not None
        assert '"number":3' in batch.frames[0].text


async def test_a_long_read_of_what_is_all_there_is_no_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "READ_COUNT", 2)
    hub = _HeldUp()
    async with asyncio.timeout(20), hub.subscribe() as page:
        await tell(*(event(number) for number in range(3)))
        hub.may_read.set()
        for numbers in ([0, 1], [2]):
            batch = await page.get()
            assert batch is not None
            assert [json.loads(frame.text)["event"] for frame in batch.frames] == [
                event(number) for number in numbers
            ]


async def test_the_reader_rests_when_nobody_listens() -> None:
    hub = Hub()
    async with hub.subscribe():
        assert hub._reader.running
    assert not hub._reader.running


class _OnceBroken(Hub):
    """Its reader meets what nobody thought of, the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.broke = False

    async def _forward(self) -> bool:
        if not self.broke:
            self.broke = True
            raise ValueError("what nobody thought of")
        return await super()._forward()


async def test_a_reader_that_broke_reads_again_and_pages_load_anew(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kept_task, "AGAIN_SECONDS", 0.01)
    hub = _OnceBroken()
    async with asyncio.timeout(20), hub.subscribe() as page:
        assert await _next(page) == STALLED_TEXT
        assert await _next(page) == RELOAD_TEXT
        await tell(event(1))
        assert '"number":1' in await _next(page)
    assert "what nobody thought of" in caplog.text
    assert not hub._reader.running


async def _next(page: Subscription) -> str:
    batch = await page.get()
    assert batch is not None
    (frame,) = batch.frames
    return frame.text


@pytest.mark.parametrize(
    ("cursor", "expected"), [("1795-3", (1795, 3)), ("5", (5, 0)), ("0-0", (0, 0))]
)
def test_cursors_compare_as_numbers(cursor: str, expected: tuple[int, int]) -> None:
    assert position(cursor) == expected

"""The live feed as Server-Sent Events: the frames of the WebSocket, with their ids."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from signals_app.feed import hub_of_this_loop
from signals_app.feed.frames import (
    RELOAD_TEXT,
    STALLED_TEXT,
    START,
    Frame,
    notice,
    position,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from signals_app.feed.frames import Batch
    from signals_app.feed.hub import Hub
    from signals_app.feed.subscription import Subscription

# A program that hears nothing for longer knows that the connection is dead.
HEARTBEAT_SECONDS: Final = 15.0
RETRY: Final = "retry: 3000\n\n"
HEARTBEAT: Final = ": nothing new\n\n"
# Without an id: what is read after it begins with what is new.
RELOAD_LINES: Final = f"event: reload\ndata: {RELOAD_TEXT}\n\n"
STALLED_LINES: Final = f"event: stalled\ndata: {STALLED_TEXT}\n\n"
RELOAD: Final = notice(RELOAD_TEXT)
SILENCE: Final = Frame(START, "")


async def events(
    after: str, may_go_on: Callable[[], Awaitable[bool]]
) -> AsyncIterator[str]:
    """Give what came after a cursor ("" is now), then whatever arrives.

    It ends when ``may_go_on``, asked every HEARTBEAT_SECONDS, says no. An event
    ``reload`` means that some were lost, ``stalled`` that none can be heard until the next
    ``reload``.
    """
    hub = hub_of_this_loop()
    checked = time.monotonic()
    # First of all, so that the program knows that it is connected.
    yield RETRY
    async with hub.subscribe() as subscription:
        last = START
        for frame in await _missed(hub, after) if after else []:
            last = max(last, frame.position)
            yield _lines(frame)
        subscription.go_on(last)
        while True:
            batch = await _next(subscription)
            if time.monotonic() - checked >= HEARTBEAT_SECONDS:
                checked = time.monotonic()
                if not await may_go_on():
                    return
            for frame in batch.frames if batch else (SILENCE,):
                yield _lines(frame)


async def _missed(hub: Hub, after: str) -> list[Frame]:
    found = await hub.replay(after)
    if found is None:
        return [Frame(START, hub.lost_text)]
    return found or [Frame(position(after), "")]


async def _next(subscription: Subscription) -> Batch | None:
    """Return the next events, or that some were dropped; None when none come."""
    try:
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            return await subscription.get() or RELOAD
    except TimeoutError:
        return None


def _lines(frame: Frame) -> str:
    if not frame.text:
        return HEARTBEAT
    if frame.position == START:
        return STALLED_LINES if frame.text == STALLED_TEXT else RELOAD_LINES
    stamp, number = frame.position
    return f"id: {stamp}-{number}\nevent: signal\ndata: {frame.text}\n\n"

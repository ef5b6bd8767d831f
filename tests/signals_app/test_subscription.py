"""What a page hears straight away and what waits for it: in order, and bounded."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

from signals_app.feed import subscription as subscription_module
from signals_app.feed.frames import (
    BATCH_LENGTH,
    RELOAD_TEXT,
    Batch,
    Frame,
    batches,
    notice,
)
from signals_app.feed.subscription import Subscription

if TYPE_CHECKING:
    import pytest

    from btc_watcher.lib.shared_frames import SharedFrames


class Connection:
    """A connection that can be full."""

    def __init__(self) -> None:
        self.written: list[SharedFrames] = []
        self.room = True

    def write(self, shared: SharedFrames) -> bool:
        if self.room:
            self.written.append(shared)
        return self.room

    async def drained(self) -> None:
        raise AssertionError("Nobody waits here.")


def batch(first: int, count: int = 1) -> Batch:
    return Batch(
        [Frame((1, number), str(number)) for number in range(first, first + count)]
    )


def numbers(batch: Batch | None) -> list[int]:
    assert batch is not None
    return [number for _stamp, number in (frame.position for frame in batch.frames)]


async def test_what_comes_while_the_page_waits_is_written_without_waking_it() -> None:
    page, connection = Subscription(), Connection()
    page.go_on((0, 0), connection)
    waiting = asyncio.create_task(page.get())
    await asyncio.sleep(0)
    first, second = batch(1), batch(2)

    page.put(first)
    page.put(second)
    assert connection.written == [first.shared, second.shared]
    assert not waiting.done()

    connection.room = False
    page.put(batch(3))
    connection.room = True
    # It must not overtake what waits.
    page.put(batch(4))
    assert numbers(await waiting) == [3]
    assert numbers(await page.get()) == [4]
    assert len(connection.written) == 2


async def test_what_comes_while_the_page_is_busy_waits() -> None:
    page, connection = Subscription(), Connection()
    page.go_on((0, 0), connection)

    page.put(batch(1))

    assert numbers(await page.get()) == [1]
    assert not connection.written


async def test_what_was_replayed_is_left_out() -> None:
    page = Subscription()
    page.put(batch(1, 3))
    page.put(batch(4, 4))

    page.go_on((1, 5))
    page.put(batch(8))

    assert numbers(await page.get()) == [6, 7]
    assert numbers(await page.get()) == [8]


async def test_after_a_notice_positions_may_begin_anew() -> None:
    page = Subscription()
    page.go_on((1, 50))
    page.put(notice(RELOAD_TEXT))
    page.put(batch(1))

    told = await page.get()
    assert told is not None
    assert told.frames[0].text == RELOAD_TEXT
    assert numbers(await page.get()) == [1]


async def test_what_a_slow_page_has_not_read_is_dropped_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscription_module, "QUEUE_LENGTH", 10)
    page = Subscription()
    for first in range(0, 100, 5):
        page.put(batch(first, 5))
    assert not page._waiting

    assert await page.get() is None
    page.put(batch(100))
    assert numbers(await page.get()) == [100]


def test_batches_are_small_and_leave_nothing_out() -> None:
    frames = [Frame((1, number), "x" * 700) for number in range(500)]

    cut = list(batches(frames))

    assert [frame for each in cut for frame in each.frames] == frames
    assert all(len(each.frames) * 700 < BATCH_LENGTH + 700 for each in cut)
    assert all(a.frames[-1] < b.frames[0] for a, b in pairwise(cut))
    assert list(batches([])) == []

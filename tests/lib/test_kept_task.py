"""A task that is kept going goes on after whatever broke it, until it is stopped."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from btc_watcher.lib import kept_task
from btc_watcher.lib.kept_task import KeptTask

if TYPE_CHECKING:
    import pytest


class Work:
    """Breaks ``times`` times, then goes on."""

    def __init__(self, times: int) -> None:
        self.left, self.broken = times, 0
        self.going = asyncio.Event()
        self.broke = asyncio.Event()

    async def __call__(self) -> None:
        if self.left:
            self.left -= 1
            raise ValueError("what nobody thought of")
        self.going.set()
        await asyncio.Event().wait()

    def note(self) -> None:
        self.broken += 1
        self.broke.set()


async def test_it_runs_anew_as_often_as_it_breaks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kept_task, "AGAIN_SECONDS", 0.01)
    work = Work(2)
    kept = KeptTask(work, name="a reader", broken=work.note)
    kept.start()
    await asyncio.wait_for(work.going.wait(), 20)
    assert work.broken == caplog.text.count("The task 'a reader' broke.") == 2
    await kept.stop()
    assert not kept.running


async def test_one_that_was_stopped_while_it_waits_stays_stopped() -> None:
    work = Work(1)
    kept = KeptTask(work, name="a reader", broken=work.note)
    kept.start()
    await asyncio.wait_for(work.broke.wait(), 20)
    await kept.stop()
    assert not kept.running
    await asyncio.sleep(0)
    assert not work.going.is_set()
    # It can be started again.
    kept.start()
    await asyncio.wait_for(work.going.wait(), 20)
    await kept.stop()

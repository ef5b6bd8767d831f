"""The watchdog: sees a strategy that hangs or eats memory, and ends its worker."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from freqtrade_mgmt.runner.children import own_mb
from freqtrade_mgmt.runner.hosted import FAILED, HUNG

if TYPE_CHECKING:
    from freqtrade_mgmt.runner.hub import Hub
    from freqtrade_mgmt.runner.members import Member, Task

_LOOK_SECONDS: Final = 0.1
# How a task is spoken of.
_WORDS: Final = {
    "analyse": "The analysis of {pair}",
    "loop": "bot_loop_start",
    "wants": "informative_pairs",
    "load": "Loading the strategy",
    "unload": "Ending the strategy",
}


class Watch:
    """Looks at every worker that does something."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for member in tuple(self._hub.housing.members):
                task = member.current
                if task is not None and not member.closing:
                    self._look(member, task)

    def _look(self, member: Member, task: Task) -> None:
        seconds = time.monotonic() - member.since
        limit = self._hub.housing.limit(member, task)
        if seconds > limit < task.limit:
            self._hub.housing.set_apart(member, task.hosted)
            return
        if seconds > limit:
            what = _WORDS.get(task.do, "A question").format(**task.values)
            text = f"{what} took longer than {task.limit:g} s, and was ended."
            self._hub.blame(member, task.hosted, HUNG, "hung", text)
            return
        held = own_mb(member.pid)
        number, before = member.watched
        if number != task.number:
            member.watched = (task.number, held)
        elif held - before > self._hub.settings.share_mb:
            self._hub.blame(
                member, task.hosted, FAILED, "memory", self._hub.too_much(held - before)
            )

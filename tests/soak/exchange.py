"""The simulated exchange of the soak: its faults, and one more, answers that come late."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from freqtrade_mgmt.simulator import SimulatedExchange

if TYPE_CHECKING:
    from aiohttp import web

# Longer than a pause of freqtrade's loop, shorter than its patience.
LATE_SECONDS = 4.0


class SoakExchange(SimulatedExchange):
    """``late`` makes it answer what was right when it was asked, seconds afterwards."""

    late = False

    async def _get(self, request: web.Request) -> web.StreamResponse:
        answer = await super()._get(request)
        if self.late:
            self.faults["late"] += 1
            await asyncio.sleep(LATE_SECONDS)
        return answer

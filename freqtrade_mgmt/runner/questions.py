"""What APIs of strategies ask of the workers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.runner.members import Task

if TYPE_CHECKING:
    from freqtrade_mgmt.runner.hosted import Hosted
    from freqtrade_mgmt.runner.hub import Hub

_ASK_SECONDS: Final = 15.0


class Questions:
    """Asks the worker of a strategy, between two analyses."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    @property
    def topics(self) -> frozenset[str]:
        """The kinds of messages that this freqtrade knows."""
        return self._hub.crew.topics

    async def ask(
        self, hosted: Hosted, path: str, query: str, body: bytes | None
    ) -> tuple[int, bytes]:
        """Return status and body of an answer of the worker.

        Raises ConnectionError when it has gone, TimeoutError when it is busy for long.
        """
        text = (body or b"").decode(errors="replace")
        values = {"path": path, "query": query, "post": body is not None}
        said, parts = await self._asked(hosted, "ask", values, text.encode())
        return int(said["status"]), b"".join(parts)

    async def frames(
        self, hosted: Hosted, limit: int | None, pair: str | None
    ) -> list[bytes]:
        """Return messages with analysed candles; raises as ``ask``."""
        values = {"limit": limit, "pair": pair}
        return (await self._asked(hosted, "frames", values, b""))[1]

    async def _asked(
        self, hosted: Hosted, do: str, values: dict[str, Any], body: bytes
    ) -> tuple[dict[str, Any], list[bytes]]:
        if hosted.member is None:
            raise ConnectionError("Its worker is being replaced.")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def then(said: dict[str, Any], parts: list[bytes]) -> None:
            if answer.done():
                return
            if said.get("ok"):
                answer.set_result((said, parts))
            else:
                answer.set_exception(ConnectionError("Its worker has ended."))

        limit = self._hub.settings.analysis_seconds
        member, task = hosted.member, Task(0.0, do, hosted, limit, then, values, body)
        member.ask(task)
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                said, parts = await answer
        finally:
            member.withdraw(task)
        return said, parts

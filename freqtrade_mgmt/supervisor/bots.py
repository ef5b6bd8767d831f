"""One bot: its process, its client, its collector."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Final

from freqtrade_mgmt.bot_config import bot_name
from freqtrade_mgmt.supervisor.client import BotClient, BotUnreachableError
from freqtrade_mgmt.supervisor.collector import Collector
from freqtrade_mgmt.supervisor.plan import Observed, Phase
from freqtrade_mgmt.supervisor.processes import cut_console, listens, tail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freqtrade_mgmt.bot_config import BotIdentity, BotPaths
    from freqtrade_mgmt.supervisor.frames import Watched
    from freqtrade_mgmt.supervisor.intake import Taker
    from freqtrade_mgmt.supervisor.processes import BotProcess

logger = logging.getLogger(__name__)

KNOCK_SECONDS: Final = 0.3
AGAIN_SECONDS: Final = 5.0
FRESH_CANDLES: Final = 3
GRACE_MS: Final = 60_000


class Bot:
    """A bot that was started or adopted, until it is buried."""

    def __init__(
        self,
        *,
        watched: Watched,
        process: BotProcess,
        process_row: int,
        paths: BotPaths,
        identity: BotIdentity,
        log_starts: tuple[int, int] = (0, 0),
    ) -> None:
        self.watched = watched
        self.process = process
        self.process_row = process_row
        self.paths = paths
        self.phase = Phase.STARTING
        self.since = time.monotonic()
        self.stop_reason = ""
        self._identity = identity
        self._log_starts = log_starts
        self._started_ms = int(process.key.create_time * 1000)
        self._collector: Collector | None = None
        self._task: asyncio.Task[None] | None = None

    def follow(
        self, intake: Taker, newest: Mapping[str, int], first_backfill: int
    ) -> None:
        """Begin to talk to the bot as soon as it answers."""
        self._task = asyncio.create_task(
            self._follow_for_ever(intake, newest, first_backfill),
            name=f"bot {self.watched.name}",
        )

    def observed(self) -> Observed:
        """Return what the plan needs to know."""
        return Observed(
            strategy_id=self.watched.strategy_id,
            phase=self.phase,
            alive=self.process.alive(),
            proven=self.proven,
            since=self.since,
        )

    @property
    def proven(self) -> bool:
        """Whether the bot has analysed something since its start, and lately.

        Alive is not healthy: a bot that was stopped by an error of its own, or whose
        exchange hangs, goes on answering. The age of its newest candle tells.
        """
        collector = self._collector
        if collector is None or collector.analyzed_ms < self._started_ms:
            return False
        newest = max(collector.newest.values(), default=0)
        age_ms = time.time() * 1000 - newest
        # A candle is known by its open: one more length until it closes.
        return age_ms < FRESH_CANDLES * self.watched.candle_ms + GRACE_MS

    def enter(self, phase: Phase) -> None:
        """Note that the bot has come further."""
        self.phase = phase
        self.since = time.monotonic()

    def log_tail(self) -> str:
        """Return the end of what the bot logged and printed in this life."""
        console, log = self._log_starts
        return tail(self.paths.console, console) + "\n" + tail(self.paths.log, log)

    def cut_console(self) -> None:
        """Keep what the bot prints within bounds."""
        cut_console(self.paths.console)

    async def leave(self) -> None:
        """Stop talking to the bot; the process is not touched."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _follow_for_ever(
        self, intake: Taker, newest: Mapping[str, int], first_backfill: int
    ) -> None:
        while True:
            try:
                await self._follow(intake, newest, first_backfill)
            except Exception:
                logger.exception("%s: following failed.", self.watched.name)
                if self._collector is not None:
                    newest = self._collector.newest
                await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(
        self, intake: Taker, newest: Mapping[str, int], first_backfill: int
    ) -> None:
        async with BotClient(self._identity.port, self._identity.credentials) as client:
            await self._wait_for_answer(client)
            self._collector = Collector(
                client=client,
                watched=self.watched,
                intake=intake,
                newest=newest,
                first_backfill=first_backfill,
            )
            await self._collector.run()

    async def _wait_for_answer(self, client: BotClient) -> None:
        """Wait for the bot's own API; another program on the port proves nothing."""
        name = bot_name(self.watched.strategy_id)
        while True:
            try:
                answer = await client.show_config()
            except BotUnreachableError:
                answer = {}
            if answer.get("bot_name") == name and listens(
                self.process.key, self._identity.port
            ):
                return
            await asyncio.sleep(KNOCK_SECONDS)

"""One bot: its process, its client, its collector."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.bot_config import bot_name
from freqtrade_mgmt.log_tail.redact import Redactor
from freqtrade_mgmt.supervisor.client import BotClient, BotUnreachableError
from freqtrade_mgmt.supervisor.collector import Collector
from freqtrade_mgmt.supervisor.identity import listens
from freqtrade_mgmt.supervisor.logs import cut_console, tail
from freqtrade_mgmt.supervisor.plan import (
    NOTHING,
    Observed,
    Phase,
    cause_of,
    raised_in,
)
from freqtrade_mgmt.supervisor.revisions import is_current

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freqtrade_mgmt.bot_config import BotIdentity, BotPaths
    from freqtrade_mgmt.supervisor.frames import Watched
    from freqtrade_mgmt.supervisor.intake import Taker
    from freqtrade_mgmt.supervisor.plan import Cause
    from freqtrade_mgmt.supervisor.processes import AnyProcess, Port

logger = logging.getLogger(__name__)

KNOCK_SECONDS: Final = 0.3
AGAIN_SECONDS: Final = 5.0
# How often a bot is asked for its state, and how many silences in a row mean something.
ASK_SECONDS: Final = 10.0
SILENCES: Final = 2
# Of an exception in a reason (characters).
RAISED_LENGTH: Final = 200
RUNNING_STATE: Final = "running"
FRESH_CANDLES: Final = 3
GRACE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Life:
    """One life of a bot: its process, and what was noted at its start.

    ``row`` is its row in strategy_processes, ``revision`` what it runs, ``port`` keeps
    its port, and ``log_starts`` are the sizes that its logs (console, own) had before.
    ``ran`` tells that it ran already, under an earlier supervisor; ``secrets`` are of
    the account that it trades on. ``proxy`` is the name of its proxy, ``bridge`` the
    key of the bridge to it; both are empty without one.
    """

    process: AnyProcess
    row: int
    paths: BotPaths
    identity: BotIdentity
    revision: str = ""
    freqtrade_version: str = ""
    proxy: str = ""
    bridge: str = ""
    port: Port | None = None
    log_starts: tuple[int, int] = (0, 0)
    ran: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)


class Bot:
    """A bot that was started or adopted, until it is buried."""

    def __init__(self, watched: Watched, life: Life) -> None:
        self.watched = watched
        self.life = life
        self.process = life.process
        self.phase = Phase.STARTING
        self.since = time.monotonic()
        self.stop_reason = ""
        self.kill_reason = ""
        self._ran = life.ran
        self._state = RUNNING_STATE
        self._silences = 0
        self._identity = life.identity
        self._collector: Collector | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def follow(
        self, intake: Taker, newest: Mapping[str, int], first_backfill: int
    ) -> None:
        """Begin to talk to the bot as soon as it answers."""
        name = f"bot {self.watched.name}"
        self._tasks = [
            asyncio.create_task(
                self._follow_for_ever(intake, newest, first_backfill), name=name
            ),
            asyncio.create_task(self._ask_for_ever(), name=f"{name}, its state"),
        ]

    def observed(
        self, revision: str | None, memory_mb: int, *, may_share: bool = True
    ) -> Observed:
        """Return what the plan needs to know.

        ``revision`` is the wanted one, None when the strategy is not wanted;
        ``memory_mb`` is what the bot may hold. Where it may not share a process (any
        more), it is replaced if it does. Whoever may share one keeps what it has.
        """
        hosted = self.process.hosted
        # What a shared process holds too much is looked at as a whole.
        held = 0.0 if hosted else self.process.rss_mb()
        excess = f"it held {held:.0f} MB of memory and may hold {memory_mb} MB"
        return Observed(
            strategy_id=self.watched.strategy_id,
            phase=self.phase,
            alive=self.process.alive(),
            proven=self.proven,
            since=self.since,
            healthy=self._ran and self._answers_well,
            ran=self._ran,
            current=self._is_current(revision) and (may_share or not hosted),
            doubt=self._doubt(),
            excess=excess if held > memory_mb else "",
            shares=hosted,
        )

    def _is_current(self, revision: str | None) -> bool:
        life = self.life
        return revision is None or is_current(
            revision, life.revision, life.freqtrade_version
        )

    @property
    def proven(self) -> bool:
        """Whether the bot has analysed something since its start, and lately.

        Alive is not healthy: a bot that was stopped by an error of its own, or whose
        exchange hangs, goes on answering. The age of its newest candle tells.
        """
        collector = self._collector
        # Bots keep their frames in memory: whatever was analysed was so in this life.
        if collector is None or not collector.analyzed_ms:
            return False
        if not self._answers_well:
            return False
        newest = max(collector.newest.values(), default=0)
        age_ms = time.time() * 1000 - newest
        # A candle is known by its open: one more length until it closes.
        return age_ms < FRESH_CANDLES * self.watched.candle_ms + GRACE_MS

    @property
    def _answers_well(self) -> bool:
        return self._silences < SILENCES and self._state == RUNNING_STATE

    def _doubt(self) -> str:
        if self._silences >= SILENCES:
            return "it does not answer"
        if self._state != RUNNING_STATE:
            _cause, words = self.last_words()
            said = f"freqtrade has put itself into the state {self._state}"
            return f"{said}: {words}" if words else said
        return "it has stopped analysing candles"

    def enter(self, phase: Phase) -> None:
        """Note that the bot has come further."""
        self.phase = phase
        self.since = time.monotonic()
        self._ran = self._ran or phase is Phase.RUNNING

    def last_words(self) -> tuple[Cause, str]:
        """Return why the bot has ended or stopped, in words without secrets."""
        text = f"{self.log_tail()}\n{self.process.said}"
        cause, words = cause_of(text, self.process.exit_code)
        return cause, self._redacted(words)

    def explained(self, reason: str) -> str:
        """Return why the bot is stopped, with what kept it from analysing, if it said so."""
        if not reason.startswith(NOTHING):
            return reason
        # Cut afterwards: a part of a secret would not be known as one.
        raised = self._redacted(raised_in(self.log_tail()))[:RAISED_LENGTH]
        return f"{reason}: {raised}" if raised else reason

    def _redacted(self, words: str) -> str:
        who = self._identity.credentials
        secrets = {who.password, who.jwt_secret_key, who.ws_token, *self.life.secrets}
        return Redactor(secrets)(words)

    def log_tail(self) -> str:
        """Return the end of what the bot logged and printed in this life."""
        console, log = self.life.log_starts
        paths = self.life.paths
        return tail(paths.console, console) + "\n" + tail(paths.log, log)

    def cut_console(self) -> None:
        """Keep what the bot prints within bounds."""
        cut_console(self.life.paths.console)

    async def leave(self) -> None:
        """Stop talking to the bot; the process is not touched. Raises nothing."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for answer in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(answer, Exception):
                logger.error("%s: leaving: %r", self.watched.name, answer)

    def release(self) -> None:
        """Give the bot's port and place back, when its process has ended."""
        self.process.let_go()
        if self.life.port is not None:
            self.life.port.close()

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
        async with self._client() as client:
            await self._wait_for_answer(client)
            self._collector = Collector(
                client=client,
                watched=self.watched,
                intake=intake,
                newest=newest,
                first_backfill=first_backfill,
            )
            await self._collector.run()

    async def _ask_for_ever(self) -> None:
        """Ask the bot for its state: alive is not healthy, and not even awake."""
        while True:
            try:
                await self._ask()
            except Exception:
                # A bot may answer anything; unasked, it would be believed for ever.
                logger.exception("%s: asking failed.", self.watched.name)
                self._silences += 1
                await asyncio.sleep(AGAIN_SECONDS)

    def _client(self) -> BotClient:
        who = self._identity
        return BotClient(who.port, who.credentials, who.host)

    async def _ask(self) -> None:
        async with self._client() as client:
            await self._wait_for_answer(client)
            while True:
                try:
                    answer = await client.show_config()
                except BotUnreachableError:
                    self._silences += 1
                else:
                    self._silences = 0
                    self._state = str(answer.get("state", RUNNING_STATE))
                await asyncio.sleep(ASK_SECONDS)

    async def _wait_for_answer(self, client: BotClient) -> None:
        """Wait for the bot's own API; another program on the port proves nothing."""
        name = bot_name(self.watched.strategy_id)
        while True:
            answer: dict[str, Any] = {}
            if self.process.up:
                with contextlib.suppress(BotUnreachableError):
                    answer = await client.show_config()
            if answer.get("bot_name") == name and listens(
                self.process.key, self._identity.port
            ):
                return
            await asyncio.sleep(KNOCK_SECONDS)

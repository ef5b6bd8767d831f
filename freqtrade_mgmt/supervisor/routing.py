"""Bots and their way out: bridges, moves one at a time, and those that have to wait."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from btc_watcher.lib.errors import BtcWatcherError, ConfigurationError
from freqtrade_mgmt.failover.deciding import HELD
from freqtrade_mgmt.failover.moves import Move, move_next, only_way_differs
from freqtrade_mgmt.supervisor import records
from freqtrade_mgmt.supervisor.bridges import Bridges, bridge_needed
from freqtrade_mgmt.supervisor.plan import NOT_WANTED, Kind, Phase
from freqtrade_mgmt.supervisor.revisions import is_current
from freqtrade_mgmt.supervisor.ways import upstream_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from btc_watcher.lib.sockets import ProxyAddress
    from freqtrade_mgmt.supervisor.bots import Bot
    from freqtrade_mgmt.supervisor.plan import Action

logger = logging.getLogger(__name__)

# How often those that have to wait are looked at, also while no failover round runs.
HELD_SECONDS: Final = 60.0
# No revision that a bot could have: it is replaced.
ANOTHER: Final = "-"
# What a bridge reports, as a sentence about its proxy.
FAILURES: Final = {
    "authentication": "The proxy {name} refuses the user name or the password.",
    "refused": "Nobody answers at the address of the proxy {name}.",
    "timeout": "The proxy {name} does not answer in time.",
    "dns": "The host name of the proxy {name} has no address.",
    "unreachable": "The proxy {name} cannot be reached.",
    "proxy_error": "The proxy {name} does not connect to the exchange.",
}
# The same where the bot talks to the proxy itself.
ASKS_LOGIN: Final = "407 Proxy Authentication Required"


class Routing:
    """What the supervisor does about the ways of its bots."""

    def __init__(self, in_thread: Callable[..., Awaitable[Any]]) -> None:
        self._in_thread = in_thread
        self.bridges = Bridges(settings.BTCW_HOME / "run" / "bridges.json")
        self._moving: Move | None = None
        self._held: dict[int, float] = {}

    async def through(self, job: records.Job) -> tuple[records.Job, str]:
        """Return a job whose bot knows its way, and the key of its bridge, if it has one.

        Raises ConfigurationError for a proxy that cannot be gone through.
        """
        way = job.way
        if way is None:
            return job, ""
        key, address = "", way.address
        if bridge_needed(address):
            _check_login(way.name, address)
            key, address = way.key, await self.bridges.open(way.key, address)
        return replace(job, spec=replace(job.spec, proxy=address)), key

    async def adopted(self, bot: Bot) -> None:
        """Open the bridge of a bot that an earlier supervisor started.

        Where that is not possible, ``wanted`` has the bot replaced.
        """
        key = bot.life.bridge
        if not key:
            return
        try:
            upstream = await self._in_thread(upstream_of, key)
        except BtcWatcherError as error:
            logger.warning("%s: %s", bot.watched.name, error)
            return
        if upstream is not None:
            await self.bridges.reopen(key, upstream)

    def wanted(self, up: Mapping[int, str], bots: Mapping[int, Bot]) -> dict[int, str]:
        """Return the revisions that bots are to have now.

        A bot that has only to change its way keeps its own until its turn comes.
        """
        pending = {
            key
            for key, bot in bots.items()
            if bot.phase is not Phase.STOPPING
            and only_way_differs(up.get(key, ""), bot.life.revision)
        }
        moving, now = self._moving, time.monotonic()
        settled = () if moving is None else self._settled(moving.strategy_id, up, bots)
        self._moving = move_next(moving, pending, settled, now)
        turn = self._moving.strategy_id if self._moving is not None else None
        wanted = dict(up)
        for key in pending - {turn}:
            wanted[key] = bots[key].life.revision
        for key, bot in bots.items():
            if key in wanted and not self.bridges.serves(bot.life.bridge):
                wanted[key] = ANOTHER
        return wanted

    def _settled(
        self, strategy_id: int, up: Mapping[int, str], bots: Mapping[int, Bot]
    ) -> tuple[int, ...]:
        """Return the strategy itself when nobody has to wait for it any more."""
        wanted, bot = up.get(strategy_id), bots.get(strategy_id)
        if wanted is None:
            return (strategy_id,)
        there = (
            bot is not None
            and bot.phase is Phase.RUNNING
            and is_current(wanted, bot.life.revision, bot.life.freqtrade_version)
        )
        return (strategy_id,) if there else ()

    def explained(
        self, actions: Sequence[Action], held: frozenset[int]
    ) -> list[Action]:
        """Say of bots that have to wait why they are stopped: they are still wanted."""
        return [
            replace(action, reason=HELD)
            if action.kind is Kind.STOP
            and action.reason == NOT_WANTED
            and action.strategy_id in held
            else action
            for action in actions
        ]

    async def tick(self, held: frozenset[int], bots: Mapping[int, Bot]) -> None:
        """Show who has to wait, and end the bridges that nobody needs any more."""
        now = time.monotonic()
        self._held = {
            key: asked
            for key, asked in self._held.items()
            if key in held and now - asked < HELD_SECONDS
        }
        for strategy_id in held - bots.keys() - self._held.keys():
            await self._in_thread(records.held, strategy_id)
            self._held[strategy_id] = now
        await self.bridges.keep({bot.life.bridge for bot in bots.values()})

    def reason(self, bot: Bot, words: str) -> str:
        """Return why a bot ended, with what is known of its proxy."""
        failure = self.bridges.failure(bot.life.bridge)
        name = bot.life.proxy
        if name and not failure and ASKS_LOGIN in bot.log_tail():
            failure = "authentication"
        if not name or failure not in FAILURES:
            return words
        return FAILURES[failure].format(name=name)


def _check_login(name: str, proxy: ProxyAddress) -> None:
    # python-socks writes it in ASCII alone; HTTP has another way.
    if proxy.kind != "http" and not (proxy.username + proxy.password).isascii():
        raise ConfigurationError(
            f"The user name or the password of the proxy {name} holds characters outside"
            " of ASCII, which bots cannot send to a SOCKS proxy. Give it another password."
        )

"""The rounds of a runner: fetch what all strategies want, then analyse what is new."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.runner.crew import MakerGoneError
from freqtrade_mgmt.runner.members import Member, Task
from freqtrade_mgmt.runner.order import next_round, timeframe_seconds

if TYPE_CHECKING:
    from freqtrade_mgmt.runner.hosted import FrameKey, Hosted
    from freqtrade_mgmt.runner.hub import Hub

logger = logging.getLogger(__name__)

# Between two rounds of strategies that were just loaded.
_SHORTEST: Final = 0.2
_WANTS_SECONDS: Final = 0.5
# An exchange that answers nothing is given up by freqtrade long before.
_FETCH_SECONDS: Final = 600.0
_FIRST: Final = -1.0
_PARTS, _MANY_ANALYSES = 3, 200


class Rounds:
    """Does what the loop of a bot does, once for all strategies.

    ``last`` is the open of the newest candle (ms) of each pair and timeframe.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._feeder: Member | None = None
        self._refreshed: asyncio.Future[None] | None = None
        self._frames: dict[FrameKey, tuple[int, dict[str, Any], bytes]] = {}
        self._by_pair: dict[tuple[str, str], set[FrameKey]] = {}
        # How the markets differ from those that every process was forked with.
        self._markets = b""
        self._poke = asyncio.Event()
        self._forget = False
        # Whose candles this round fetches, and for which keys that was done.
        self._fetching: set[Hosted] = set()
        self._asked_for: set[FrameKey] = set()
        self.last: dict[FrameKey, int] = {}
        self.number = 0

    def poke(self) -> None:
        """Begin the next round now."""
        self._poke.set()

    def forget(self) -> None:
        """Let the feeder drop what nobody wants any more, in the next round."""
        self._forget = True

    @property
    def feeder_pid(self) -> int:
        """The process that fetches, 0 while there is none."""
        return self._feeder.pid if self._feeder else 0

    def is_feeder(self, member: Member) -> bool:
        """Tell whether a member is the one that fetches."""
        return member is self._feeder

    async def run(self) -> None:
        """Do rounds for ever."""
        while True:
            self._poke.clear()
            started = time.time()
            working = self._working()
            if working:
                try:
                    await self._round(working)
                except (TimeoutError, ConnectionError) as error:
                    logger.error("No candles were fetched: %s.", error)  # noqa: TRY400
                    await self._feeder_end()
                except MakerGoneError:
                    return
                except Exception:
                    # Whatever it was, all strategies wait for the next round.
                    logger.exception("A round has failed.")
                    await self._feeder_end()
            await self._pause(started)

    async def _pause(self, started: float) -> None:
        timeframes = {h.facts.timeframe for h in self._working() if h.facts}
        until = next_round(time.time(), started, timeframes)
        await asyncio.sleep(_SHORTEST)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - time.time())):
                await self._poke.wait()

    def _working(self) -> list[Hosted]:
        return [h for h in self._hub.hosted.values() if h.works and h.facts]

    async def _round(self, working: list[Hosted]) -> None:
        self.number += 1
        await self._ask_wants([h for h in working if h.facts and h.facts.changing])
        if self._feeder is None:
            self._feeder = await self._hub.crew.member("feeder")
        self._fetching, self._asked_for = set(working), set()
        self._refreshed = asyncio.get_running_loop().create_future()
        forget, self._forget = self._forget, False
        head = {"round": self.number, "groups": _groups(working), "forget": forget}
        self._feeder.send({**head, "parts": _parts(working)})
        async with asyncio.timeout(_FETCH_SECONDS):
            await self._refreshed
        if forget:
            self._forget_frames()
        self._schedule_all(alone=False)

    def _forget_frames(self) -> None:
        """Drop candles that no strategy wants any more, here and in the workers."""
        wanted = {
            (p, k) for h in self._working() if h.facts for p, _t, k in h.facts.keys
        }
        for pair in set(self._by_pair) - wanted:
            for key in self._by_pair.pop(pair):
                del self._frames[key]
                self.last.pop(key, None)
                for member in self._hub.housing.members:
                    if member.has.pop(key, None) is not None:
                        member.send({"do": "forget", "key": key})

    def _schedule_all(self, *, alone: bool) -> None:
        """Let what is new be analysed; ``alone``: only where no other candle matters."""
        # One that was loaded meanwhile has not had its own candles fetched.
        ready = [h for h in self._working() if h in self._fetching]
        if alone:
            late = self._late()
            ready = [h for h in ready if _alone(h) and h.member not in late]
        for hosted in sorted(ready, key=lambda h: h.urgency):
            self._schedule(hosted)

    def _late(self) -> set[Member | None]:
        """Return the workers that get no part of a round, only the whole.

        One of their strategies looks at several pairs, and still has candles of the round
        before to analyse: it would see some pairs' next candle beside others' last.
        """
        return {h.member for h in self._working() if h.queued and not _alone(h)}

    async def _ask_wants(self, changing: list[Hosted]) -> None:
        """Ask strategies whose informative pairs may be others now, as a bot's loop does."""
        answers = [self._wants(hosted) for hosted in changing]
        if answers:
            await asyncio.wait(answers, timeout=_WANTS_SECONDS)

    def _wants(self, hosted: Hosted) -> asyncio.Future[None]:
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def then(said: dict[str, Any], _parts: list[bytes]) -> None:
            if said.get("ok") and hosted.facts is not None:
                hosted.facts.keys = {(p, t, k) for p, t, k in said["keys"]}
            elif not said.get("gone") and hosted.lives:
                self._hub.results.counted(hosted, said)
            if not answered.done():
                answered.set_result(None)

        assert hosted.member is not None  # noqa: S101 - it works
        limit = self._hub.settings.analysis_seconds
        hosted.member.put(Task(_FIRST, "wants", hosted, limit, then))
        return answered

    def take(self, head: dict[str, Any], body: bytes) -> None:
        """Take a message of the feeder."""
        if "candles" in head:
            pair, timeframe, kind = head.pop("candles")
            key = (pair, timeframe, kind)
            version = self._frames[key][0] + 1 if key in self._frames else 1
            self.last[key] = head["last_ms"]
            self._frames[key] = (version, {"key": key, **head}, body)
            self._by_pair.setdefault((pair, kind), set()).add(key)
        elif "markets" in head:
            self._markets = body
            for member in self._hub.housing.members:
                member.send({"do": "markets"}, body)
        elif "part" in head:
            self._asked_for.update((p, t, k) for p, t, k in head["part"])
            self._schedule_all(alone=True)
        elif "refreshed" in head and self._refreshed and not self._refreshed.done():
            self._refreshed.set_result(None)

    def catch_up(self, member: Member) -> None:
        """Tell a new worker of the markets that have changed since it could know."""
        if self._markets:
            member.send({"do": "markets"}, self._markets)

    def supply(self, hosted: Hosted) -> None:
        """Give a strategy's worker the candles that it does not have yet."""
        member, facts = hosted.member, hosted.facts
        if member is None or facts is None:
            return
        # Freqtrade may store rates of funding under another timeframe than asked for.
        for pair, _timeframe, kind in facts.keys:
            for key in self._by_pair.get((pair, kind), ()):
                version, head, body = self._frames[key]
                if member.has.get(key) != version:
                    member.has[key] = version
                    member.send({"do": "candles", **head}, body)

    def _schedule(self, hosted: Hosted) -> None:
        """Let everything of a strategy be analysed that has a new candle."""
        facts, member = hosted.facts, hosted.member
        if facts is None or member is None:
            return
        self.supply(hosted)
        limit = self._hub.settings.analysis_seconds
        if facts.loops and "" not in hosted.queued:
            hosted.queued.add("")
            then = self._hub.results.looped(hosted)
            member.put(Task(hosted.urgency, "loop", hosted, limit, then))
        for pair in facts.pairs:
            key = hosted.base_key(pair)
            stamp = self.last.get(key) if key in self._asked_for else None
            if stamp is None or pair in hosted.queued or hosted.seen.get(pair) == stamp:
                continue
            hosted.queued.add(pair)
            then = self._hub.results.analysed(hosted, pair, stamp)
            values = {"pair": pair}
            member.put(Task(hosted.urgency, "analyse", hosted, limit, then, values))
        if not hosted.queued:
            hosted.processed_ms = int(time.time() * 1000)

    async def lost(self) -> None:
        """Go on without the feeder; the next round makes another."""
        await self._feeder_end()
        if self._refreshed is not None and not self._refreshed.done():
            self._refreshed.set_exception(ConnectionError("the feeder has ended"))

    async def _feeder_end(self) -> None:
        feeder, self._feeder = self._feeder, None
        if feeder is not None:
            with contextlib.suppress(MakerGoneError):
                await self._hub.crew.dismiss(feeder)


def _alone(hosted: Hosted) -> bool:
    """Tell whether a strategy looks at the candles of the analysed pair only."""
    return hosted.facts is not None and hosted.facts.alone


def _parts(working: list[Hosted]) -> int:
    """Return in how many parts to fetch, so that workers begin before all is there.

    Each part waits for its answers, so it pays only where there is much to analyse.
    """
    analyses = sum(len(hosted.facts.pairs) for hosted in working if hosted.facts)
    return _PARTS if analyses > _MANY_ANALYSES else 1


def _groups(working: list[Hosted]) -> list[dict[str, Any]]:
    """Return what to fetch: each key once, with the most requests that anybody needs."""
    calls: dict[FrameKey, int] = {}
    startup = 0
    for hosted in working:
        if hosted.facts is None:
            continue
        startup = max(startup, hosted.facts.startup)
        for key in hosted.facts.keys:
            calls[key] = max(calls.get(key, 1), hosted.facts.calls)
    return [
        {
            "calls": number,
            "startup": startup,
            "keys": sorted(
                (key for key, needed in calls.items() if needed == number),
                key=lambda key: (timeframe_seconds(key[1]), key),
            ),
        }
        for number in sorted(set(calls.values()))
    ]

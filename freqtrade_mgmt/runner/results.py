"""What is made of the answers to analyses."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from freqtrade_mgmt.runner.hosted import FAILED, RAISED_LOOPS, REFUSED, RUNNING

if TYPE_CHECKING:
    from freqtrade_mgmt.runner.hosted import Hosted
    from freqtrade_mgmt.runner.hub import Hub
    from freqtrade_mgmt.runner.members import Then


class Results:
    """Counts, and lets a strategy go that cannot stay."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def analysed(self, hosted: Hosted, pair: str, stamp: int) -> Then:
        """Return what is done when an analysis of a pair's newest candle comes back."""

        def then(said: dict[str, Any], _parts: list[bytes]) -> None:
            hosted.queued.discard(pair)
            if said.get("gone") or hosted.state != RUNNING:
                return
            hosted.took.append(said["seconds"])
            hosted.analyses += 1
            self.counted(hosted, said)
            if said["ok"]:
                hosted.seen[pair] = stamp
                hosted.analysed_ms, hosted.raised = _now_ms(), 0
            elif "error" not in said:
                self._raised(hosted, said["message"])

        return then

    def looped(self, hosted: Hosted) -> Then:
        """Return what is done when a strategy's own part of the loop comes back."""

        def then(said: dict[str, Any], _parts: list[bytes]) -> None:
            hosted.queued.discard("")
            if not said.get("gone") and hosted.state == RUNNING:
                self.counted(hosted, said)

        return then

    def counted(self, hosted: Hosted, said: dict[str, Any]) -> None:
        """Note what a strategy holds; one that has ended itself or holds too much goes."""
        hosted.grown_mb = said.get("grown_mb", hosted.grown_mb)
        if not hosted.queued:
            hosted.processed_ms = _now_ms()
        member = hosted.member
        if said.get("error") == "exit":
            self._hub.fail(hosted, FAILED, "exit", said["message"], logged=False)
        elif said.get("error") == "needs_bot":
            text = said["message"]
            if member is None:
                self._hub.fail(hosted, REFUSED, "needs_bot", text, logged=False)
            else:
                # What it has changed for the others of its worker ends with that.
                self._hub.blame(member, hosted, REFUSED, "needs_bot", text)
        elif member is not None and (
            said.get("error") == "memory"
            or hosted.grown_mb > self._hub.settings.share_mb
        ):
            text = self._hub.too_much(hosted.grown_mb)
            self._hub.blame(member, hosted, FAILED, "memory", text)

    def _raised(self, hosted: Hosted, text: str) -> None:
        """Count loops in which nothing came out; a bot would go on like that for ever."""
        facts, last = hosted.facts, self._hub.rounds.last
        number = self._hub.rounds.number
        if facts is None or hosted.raised_round == number:
            return
        # A pair without candles has never been seen, and proves nothing.
        if any(
            p in hosted.seen and hosted.seen[p] == last.get(hosted.base_key(p))
            for p in facts.pairs
        ):
            return
        hosted.raised_round = number
        hosted.raised += 1
        if hosted.raised >= RAISED_LOOPS:
            self._hub.fail(hosted, FAILED, "raised", text, logged=False)


def _now_ms() -> int:
    return int(time.time() * 1000)

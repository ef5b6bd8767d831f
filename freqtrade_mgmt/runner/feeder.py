"""The feeder: fetches the candles of a group, each once, when the hub says so."""

from __future__ import annotations

import logging
import pickle
from typing import TYPE_CHECKING, Any

from freqtrade.enums import CandleType
from freqtrade.exceptions import FreqtradeException

from freqtrade_mgmt.runner.exchange import Fetched, network_renew
from freqtrade_mgmt.runner.logs import Routed, logging_begin

if TYPE_CHECKING:
    from freqtrade_mgmt.runner.views import Key
    from freqtrade_mgmt.runner.wire import Wire

logger = logging.getLogger(__name__)


class Feeder:
    """Fetches until the hub has gone."""

    def __init__(self, wire: Wire, exchange: Any) -> None:
        self._wire = wire
        self._fetched = Fetched(exchange)
        self._exchange = exchange

    def run(self) -> None:
        """Work; returns when the hub has gone."""
        logging_begin(Routed(lambda line: self._wire.say({"line": line})))
        network_renew(self._exchange)
        while True:
            try:
                head, _body = self._wire.receive()
            except (EOFError, OSError):
                return
            try:
                self._round(head)
            except FreqtradeException as error:
                # A bot says it, waits and goes on.
                logger.warning("Error: %s", error)
            except Exception:
                logger.exception("The candles could not be fetched.")
            self._wire.send({"refreshed": head["round"]})

    def _part(self, keys: list[Key], startup: int, calls: int) -> None:
        """Fetch some and hand over what is new, while the rest is still to be fetched."""
        self._fetched.fetch(keys, startup=startup, calls=calls)
        for message, frame in self._fetched.news():
            self._wire.say(message, frame)
        self._wire.send({"part": [(p, t, str(kind.value)) for p, t, kind in keys]})

    def _round(self, head: dict[str, Any]) -> None:
        """Fetch what is wanted: ``groups`` of calls, startup candles and keys."""
        changed = self._fetched.markets()
        if changed is not None:
            self._wire.send({"markets": len(changed)}, pickle.dumps(changed))
        wanted: set[Key] = set()
        for group in head["groups"]:
            keys = [
                (p, t, CandleType.from_string(kind)) for p, t, kind in group["keys"]
            ]
            wanted.update(keys)
            size = -(-len(keys) // head["parts"])
            for first in range(0, len(keys), size):
                part = keys[first : first + size]
                self._part(part, group["startup"], group["calls"])
        if head["forget"]:
            self._fetched.forget(wanted)

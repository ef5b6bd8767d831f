"""The one exchange object of a group: opened once, forked, and asked by the feeder."""

from __future__ import annotations

import asyncio
import logging
import pickle
from copy import deepcopy
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from freqtrade.commands import Arguments
from freqtrade.configuration import Configuration, remove_exchange_credentials
from freqtrade.constants import PROCESS_THROTTLE_SECS
from freqtrade.enums import CandleType
from freqtrade.exchange import date_minus_candles
from freqtrade.resolvers import ExchangeResolver
from freqtrade.util import dt_ts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from freqtrade_mgmt.runner.views import Key

logger = logging.getLogger(__name__)

# Loops of processes that this one was forked from: closing one would close the
# descriptors of the other process.
_OTHERS: Final[list[Any]] = []
# Markets that have been other since this process was forked, as they were then.
_FORKED: Final[dict[str, Any]] = {}
THROTTLE: Final = float(PROCESS_THROTTLE_SECS)


def exchange_open(config: str, userdir: str) -> Any:
    """Return the exchange of a bot's configuration, with its markets.

    Raises what freqtrade raises for a bot whose exchange cannot be reached.
    """
    command = ["trade", "--no-color", "--config", config, "--userdir", userdir]
    settings = Configuration(Arguments(command).get_parsed_arg(), None).get_config()
    section = deepcopy(settings["exchange"])
    remove_exchange_credentials(settings["exchange"], True)  # noqa: FBT003 - freqtrade's
    exchange = ExchangeResolver.load_exchange(
        settings, exchange_config=section, validate=False
    )
    exchange.reload_markets(True)  # noqa: FBT003 - freqtrade's
    # Says it in a bot's own words when there are none.
    exchange.validate_stakecurrency(settings["stake_currency"])
    if hasattr(exchange, "check_time_offset"):
        exchange.check_time_offset()
    network_close(exchange)
    return exchange


def network_close(exchange: Any) -> None:
    """Close every connection, so that none is shared with a fork."""
    exchange.loop.run_until_complete(exchange._api_async.close())  # noqa: SLF001 - none is public
    exchange._api.session.close()  # noqa: SLF001 - as above


def network_renew(exchange: Any) -> None:
    """Give a forked exchange an event loop of its own."""
    api = exchange._api_async  # noqa: SLF001 - none is public
    _OTHERS.append(exchange.loop)
    exchange.loop = exchange._init_async_loop()  # noqa: SLF001 - as above
    exchange._loop_lock = Lock()  # noqa: SLF001 - as above
    exchange._cache_lock = Lock()  # noqa: SLF001 - as above
    api.asyncio_loop = exchange.loop
    # It was closed for the fork alone, and may open again.
    api.closed_by_user = False
    if getattr(api, "throttler", None) is not None:
        api.throttler.loop = exchange.loop
    asyncio.set_event_loop(exchange.loop)


def markets_change(exchange: Any, changed: Mapping[str, Any]) -> None:
    """Take over how the markets differ from those that were forked; None: it is gone.

    Whatever was other until now and is not any more becomes as it was.
    """
    markets = exchange._markets  # noqa: SLF001 - none is public
    now = {**_FORKED, **changed}
    for name in changed:
        _FORKED.setdefault(name, markets.get(name))
    for name, market in now.items():
        if market is None:
            markets.pop(name, None)
        else:
            markets[name] = market


class Fetched:
    """What the feeder's exchange holds, and what of it is new since it was told."""

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange
        self._told: dict[Key, Any] = {}
        self._born: dict[Key, tuple[int, int]] = {}
        self._reloaded, self._forked = exchange.markets, dict(exchange.markets)
        self._differ: dict[str, Any] | None = None

    def fetch(self, keys: list[Key], *, startup: int, calls: int) -> None:
        """Fetch what is due of ``keys`` with freqtrade's own code.

        ``calls`` requests for each that is fetched as a whole; a frame with fewer goes.
        """
        exchange, now = self._exchange, dt_ts()
        exchange._startup_candle_count = startup  # noqa: SLF001 - none is public
        exchange.required_candle_call_count = calls
        for key in keys:
            born, had = self._born.get(key, (now, calls))
            if key not in exchange._klines or self._outdated(key):  # noqa: SLF001 - as above
                self._born[key] = (now, calls)
            elif had < calls:
                # For one that came later; the frames of the others begin where they did.
                del exchange._klines[key]  # noqa: SLF001 - as above
                self._born[key] = (born, calls)
        exchange.refresh_latest_ohlcv(keys)

    def news(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Return the frames that are new, each as a message."""
        exchange = self._exchange
        for key, frame in list(exchange._klines.items()):  # noqa: SLF001 - none is public
            if frame.empty or frame is self._told.get(key):
                continue
            self._told[key] = frame
            yield self._message(key, frame)

    def forget(self, wanted: set[Key]) -> None:
        """Let go what nobody wants any more."""
        for held in (self._exchange._klines, self._told, self._born):  # noqa: SLF001 - as above
            for key in set(held) - wanted:
                del held[key]

    def markets(self) -> dict[str, Any] | None:
        """Reload the markets when it is time; return how they differ from the forked ones.

        None where that is known already. Told by the first reload even if it is nothing:
        the feeder before this one may have told something else.
        """
        self._exchange.reload_markets()
        now = self._exchange.markets
        if now is self._reloaded:
            return None
        self._reloaded, before = now, self._differ
        gone: dict[str, Any] = dict.fromkeys(set(self._forked) - set(now))
        other = {n: m for n, m in now.items() if not _same(self._forked.get(n), m)}
        differ = self._differ = {**gone, **other}
        if before is None or set(before) != set(differ):
            return differ
        same = all(_same(before[name], market) for name, market in differ.items())
        return None if same else differ

    def _outdated(self, key: Key) -> bool:
        """Tell whether freqtrade will drop a frame, because time has jumped."""
        limit = self._exchange.ohlcv_candle_limit(key[1], key[2])
        oldest = dt_ts(date_minus_candles(key[1], limit - 5))
        last = self._exchange._pairs_last_refresh_time.get(key, 0)  # noqa: SLF001 - none is public
        return bool(oldest >= last)

    def _message(self, key: Key, frame: Any) -> tuple[dict[str, Any], bytes]:
        pair, timeframe, kind = key
        exchange = self._exchange
        born, calls = self._born.get(key, (dt_ts(), 1))
        default = CandleType.get_default(exchange.trading_mode)
        head = {
            "candles": [pair, timeframe, str(kind.value)],
            "born_ms": born,
            "calls": calls,
            "limit": exchange.ohlcv_candle_limit(timeframe, kind),
            "keep": exchange.ohlcv_candle_limit(timeframe, default),
            "last_ms": int(frame["date"].iloc[-1].timestamp() * 1000),
        }
        return head, pickle.dumps(frame, protocol=5)


def _same(one: Any, other: Any) -> bool:
    """Tell whether two markets, or None, are the same but for the exchange's own words."""
    if one is None or other is None:
        return one is other
    return _said(one) == _said(other)


def _said(market: Mapping[str, Any]) -> dict[str, Any]:
    # The rest of what the exchange says of it changes with each request.
    return {name: value for name, value in market.items() if name != "info"}

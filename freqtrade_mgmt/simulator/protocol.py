"""The part of Binance's spot REST API that freqtrade needs, as plain functions.

No socket and no clock here: the time is an argument. Errors have Binance's own shape,
``{"code": -1121, "msg": "Invalid symbol."}``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freqtrade_mgmt.simulator.market import (
    DAY_MS,
    INTERVALS_MS,
    MINUTE_MS,
    first_open,
    open_time,
)
from freqtrade_mgmt.simulator.pairs import LOT_DECIMALS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from freqtrade_mgmt.simulator.market import Candle, Market
    from freqtrade_mgmt.simulator.pairs import Pair

KLINES_DEFAULT, KLINES_LIMIT = 500, 1000
DEPTH_DEFAULT, DEPTH_LIMIT = 100, 5000
_ORDER_TYPES = [
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT_LIMIT",
]


@dataclass(frozen=True)
class Answer:
    """An HTTP status and the JSON body that goes with it."""

    status: int
    body: Any


class Refused(Exception):  # noqa: N818 - an answer, not a fault of ours
    """A request that Binance would refuse; ``answer`` says how."""

    def __init__(self, code: int, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.answer = Answer(status, {"code": code, "msg": message})


class BinanceSpot:
    """Answers the requests of Binance's spot API from a simulated market."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self._endpoints: dict[str, Callable[[Mapping[str, str], int], Any]] = {
            "ping": lambda query, now_ms: {},
            "time": lambda query, now_ms: {"serverTime": now_ms},
            "exchangeInfo": self._exchange_info,
            "klines": self._klines,
            "depth": self._depth,
            "ticker/24hr": lambda query, now: self._each(query, now, self._ticker_24h),
            "ticker/price": lambda query, now: self._each(
                query, now, self._ticker_price
            ),
            "ticker/bookTicker": lambda query, now: self._each(
                query, now, self._ticker_book
            ),
        }

    def answer(self, endpoint: str, query: Mapping[str, str], now_ms: int) -> Answer:
        """Answer ``GET /api/v3/<endpoint>`` as of ``now_ms``; never raises Refused."""
        handler = self._endpoints.get(endpoint)
        if handler is None:
            return Answer(
                404, {"code": -1000, "msg": f"There is no /api/v3/{endpoint} here."}
            )
        try:
            return Answer(200, handler(query, now_ms))
        except Refused as refused:
            return refused.answer

    def _exchange_info(self, query: Mapping[str, str], now_ms: int) -> dict[str, Any]:
        pairs = self._pairs(query)
        return {
            "timezone": "UTC",
            "serverTime": now_ms,
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [_symbol_info(pair) for pair in pairs],
        }

    def _klines(self, query: Mapping[str, str], now_ms: int) -> list[list[Any]]:
        pair = self._pair(query)
        interval = INTERVALS_MS.get(_mandatory(query, "interval"))
        if interval is None:
            raise Refused(-1120, "Invalid interval.")
        limit = min(_number(query, "limit", KLINES_DEFAULT), KLINES_LIMIT)
        last = min(_number(query, "endTime", now_ms), now_ms)
        if "startTime" in query:
            first = _number(query, "startTime", 0)
        else:
            first = open_time(last, interval) - (limit - 1) * interval
        last = min(last, first_open(first, interval) + (limit - 1) * interval)
        candles = self.market.candles(pair.symbol, interval, first, last, now_ms)
        return [_kline(pair, candle, interval) for candle in candles]

    def _depth(self, query: Mapping[str, str], now_ms: int) -> dict[str, Any]:
        pair = self._pair(query)
        limit = min(_number(query, "limit", DEPTH_DEFAULT), DEPTH_LIMIT)
        price = self.market.price(pair.symbol, now_ms)
        step = max(1, price // 10_000)
        depth = min(limit, (price - 1) // step)
        return {
            "lastUpdateId": now_ms,
            "bids": [
                [_price(pair, price - step * n), "25.00000"]
                for n in range(1, depth + 1)
            ],
            "asks": [
                [_price(pair, price + step * n), "25.00000"]
                for n in range(1, limit + 1)
            ],
        }

    def _each(
        self,
        query: Mapping[str, str],
        now_ms: int,
        ticker: Callable[[Pair, int], dict[str, Any]],
    ) -> Any:
        answers = [ticker(pair, now_ms) for pair in self._pairs(query)]
        return answers[0] if "symbol" in query else answers

    def _ticker_price(self, pair: Pair, now_ms: int) -> dict[str, Any]:
        price = self.market.price(pair.symbol, now_ms)
        return {"symbol": pair.symbol, "price": _price(pair, price)}

    def _ticker_book(self, pair: Pair, now_ms: int) -> dict[str, Any]:
        price = self.market.price(pair.symbol, now_ms)
        step = max(1, price // 10_000)
        return {
            "symbol": pair.symbol,
            "bidPrice": _price(pair, max(1, price - step)),
            "bidQty": "25.00000",
            "askPrice": _price(pair, price + step),
            "askQty": "25.00000",
        }

    def _ticker_24h(self, pair: Pair, now_ms: int) -> dict[str, Any]:
        day = self.market.window(pair.symbol, now_ms)
        change = day.close - day.open
        return {
            **self._ticker_book(pair, now_ms),
            "priceChange": _price(pair, change),
            "priceChangePercent": f"{change / day.open * 100:.3f}",
            "weightedAvgPrice": _price(pair, day.quote // max(1, day.volume)),
            "prevClosePrice": _price(pair, day.open),
            "lastPrice": _price(pair, day.close),
            "lastQty": "1.00000",
            "openPrice": _price(pair, day.open),
            "highPrice": _price(pair, day.high),
            "lowPrice": _price(pair, day.low),
            "volume": _volume(day),
            "quoteVolume": _quote_volume(pair, day),
            "openTime": now_ms - DAY_MS,
            "closeTime": now_ms,
            "firstId": now_ms // MINUTE_MS - 24 * 60,
            "lastId": now_ms // MINUTE_MS,
            "count": day.trades,
        }

    def _pair(self, query: Mapping[str, str]) -> Pair:
        return self._listed(_mandatory(query, "symbol"))

    def _pairs(self, query: Mapping[str, str]) -> list[Pair]:
        """Return the one in ``symbol``, those in ``symbols``, or all."""
        if "symbol" in query:
            return [self._pair(query)]
        if "symbols" not in query:
            return list(self.market.pairs.values())
        try:
            symbols = json.loads(query["symbols"])
        except ValueError:
            symbols = None
        if not isinstance(symbols, list) or not symbols:
            raise Refused(-1100, "Illegal characters found in parameter 'symbols'.")
        return [self._listed(symbol) for symbol in symbols]

    def _listed(self, symbol: object) -> Pair:
        pair = self.market.pairs.get(symbol) if isinstance(symbol, str) else None
        if pair is None:
            raise Refused(-1121, "Invalid symbol.")
        return pair


def _mandatory(query: Mapping[str, str], name: str) -> str:
    value = query.get(name, "")
    if not value:
        raise Refused(
            -1102,
            f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.",
        )
    return value


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdecimal() and len(value) <= 16):
        raise Refused(
            -1100,
            f"Illegal characters found in parameter '{name}';"
            " legal range is '^[0-9]{1,20}$'.",
        )
    return int(value)


def _price(pair: Pair, ticks: int) -> str:
    return f"{ticks / 10**pair.decimals:.{pair.decimals}f}"


def _volume(candle: Candle) -> str:
    return f"{candle.volume / 10**LOT_DECIMALS:.{LOT_DECIMALS}f}"


def _quote_volume(pair: Pair, candle: Candle) -> str:
    return f"{candle.quote / 10 ** (pair.decimals + LOT_DECIMALS):.8f}"


def _kline(pair: Pair, candle: Candle, interval_ms: int) -> list[Any]:
    """Return the 12 fields of a kline; half of each volume counts as bought."""
    half = candle._replace(volume=candle.volume // 2, quote=candle.quote // 2)
    return [
        candle.time,
        _price(pair, candle.open),
        _price(pair, candle.high),
        _price(pair, candle.low),
        _price(pair, candle.close),
        _volume(candle),
        candle.time + interval_ms - 1,
        _quote_volume(pair, candle),
        candle.trades,
        _volume(half),
        _quote_volume(pair, half),
        "0",
    ]


def _symbol_info(pair: Pair) -> dict[str, Any]:
    tick, lot = f"{10**-pair.decimals:.8f}", f"{10**-LOT_DECIMALS:.8f}"
    return {
        "symbol": pair.symbol,
        "status": "TRADING",
        "baseAsset": pair.base,
        "baseAssetPrecision": 8,
        "quoteAsset": pair.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": _ORDER_TYPES,
        "icebergAllowed": True,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            _filter(
                "PRICE_FILTER",
                minPrice=tick,
                maxPrice="10000000.00000000",
                tickSize=tick,
            ),
            _filter("LOT_SIZE", minQty=lot, maxQty="9000000.00000000", stepSize=lot),
            _filter(
                "MARKET_LOT_SIZE", minQty=lot, maxQty="9000000.00000000", stepSize=lot
            ),
            _filter(
                "NOTIONAL",
                minNotional="5.00000000",
                applyMinToMarket=True,
                maxNotional="9000000.00000000",
                applyMaxToMarket=False,
                avgPriceMins=5,
            ),
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
    }


def _filter(kind: str, **fields: Any) -> dict[str, Any]:
    return {"filterType": kind, **fields}

"""The chart page, and what it asks for: candles and marks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from django.http import JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.permissions import reads
from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.timeframes import length_ms
from freqtrade_mgmt.candles import candles_read
from freqtrade_mgmt.candles.reader import LARGEST, LIMIT
from freqtrade_mgmt.candles.resample import derived
from freqtrade_mgmt.candles.shape import candles_shape
from freqtrade_mgmt.candles.watchers import watchers_all
from freqtrade_mgmt.chart_words import chart_words
from signals_app.feed import cursor_now
from signals_app.markers import markers_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse, QueryDict

    from freqtrade_mgmt.candles.sources import Source

# 1 January 2200: later moments only come from a wrong address.
LATEST_MS: Final = 7_258_118_400_000
# A signal bears the close of its candle, and clocks differ a little.
AHEAD_MS: Final = 120_000
# What chart.js imports.
MODULES: Final = (
    "signals_app/feed.js",
    *(f"freqtrade_mgmt/chart_{part}.js" for part in ("candles", "side", "signals")),
    *(f"freqtrade_mgmt/chart_{part}.js" for part in ("time", "view")),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the chart shows; ``timeframes`` are those that it may switch to."""

    source: Source
    pair: str
    timeframe: str
    timeframes: list[str]


@require_GET
@never_cache
@reads
def charts(request: HttpRequest) -> HttpResponse:
    """Show candles with the marks of all strategies.

    ``?strategy=&pair=&timeframe=`` choose; what is absent or gone is replaced by the
    first that fits.
    """
    sources = watchers_all()
    chosen = _chosen(sources, request.GET)
    beside = _watching(sources, chosen) if chosen else []
    return render(
        request,
        "freqtrade_mgmt/chart.html",
        {
            "sources": sources,
            "chosen": chosen,
            "words": chart_words(),
            "modules": MODULES,
            "start": chosen
            and {
                "first": _first(chosen, int(time.time() * 1000)),
                "strategy": chosen.source.strategy_id,
                "exchange": chosen.source.exchange,
                "pair": chosen.pair,
                "timeframe": chosen.timeframe,
                "lengths": {t: length_ms(t) for t in chosen.timeframes},
                "strategies": [
                    {"id": s.strategy_id, "name": s.name}
                    for s in sorted(beside, key=lambda s: s.strategy_id)
                ],
                "limit": LIMIT,
            },
        },
    )


@require_GET
@never_cache
@reads
async def candles(request: HttpRequest) -> HttpResponse:
    """Return candles as JSON: ``?strategy=&pair=&timeframe=[&until=&limit=]``.

    ``candles`` are rows of open time (ms), open, high, low, close, volume and 1 when
    closed; ``message`` says what is wrong with them, if anything.
    """
    query = request.GET
    try:
        strategy_id = _number(query, "strategy", largest=2**31 - 1)
        until = _number(query, "until", LATEST_MS) if "until" in query else None
        limit = max(1, _number(query, "limit", LARGEST, default=LIMIT))
        timeframe = query.get("timeframe", "")
        length_ms(timeframe)
    except BtcWatcherError as error:
        return JsonResponse({"message": str(error)}, status=400)
    read = await candles_read(
        strategy_id, query.get("pair", "")[:50], timeframe, until, limit
    )
    status = 404 if read.reason == "unknown" else 200
    return JsonResponse(candles_shape(read), status=status)


@require_GET
@never_cache
@reads
def markers(request: HttpRequest) -> HttpResponse:
    """Return marks as JSON: ``?exchange=&pair=&since=&until=`` (ms since 1970).

    ``cursor`` is where the live feed goes on.
    """
    query = request.GET
    try:
        since = _number(query, "since", LATEST_MS)
        until = _number(query, "until", LATEST_MS)
    except BtcWatcherError as error:
        return JsonResponse({"message": str(error)}, status=400)
    # The cursor first: what arrives between the two is sent again and merged.
    cursor = cursor_now()
    found = markers_between(
        query.get("exchange", "")[:50],
        query.get("pair", "")[:50],
        datetime.fromtimestamp(since / 1000, UTC),
        datetime.fromtimestamp(until / 1000, UTC),
    )
    return JsonResponse({"cursor": cursor, "markers": found.markers, "cut": found.cut})


def _first(chosen: Chosen, now_ms: int) -> dict[str, str]:
    """Return the addresses that the page asks first, for the browser to fetch ahead.

    The script asks for these very texts. Marks reach back as far as candles may.
    """
    of_candles = {
        "strategy": chosen.source.strategy_id,
        "pair": chosen.pair,
        "timeframe": chosen.timeframe,
        "limit": LIMIT,
    }
    of_markers = {
        "exchange": chosen.source.exchange,
        "pair": chosen.pair,
        "since": now_ms - LIMIT * length_ms(chosen.timeframe),
        "until": now_ms + AHEAD_MS,
    }
    return {
        "candles": f"{reverse('freqtrade_mgmt:candles')}?{urlencode(of_candles)}",
        "markers": f"{reverse('freqtrade_mgmt:markers')}?{urlencode(of_markers)}",
    }


def _chosen(sources: Sequence[Source], query: QueryDict) -> Chosen | None:
    if not sources:
        return None
    text = query.get("strategy", "")
    number = int(text) if text.isascii() and text.isdecimal() else None
    pair = query.get("pair", "")
    fitting = [s for s in sources if s.strategy_id == number]
    fitting += [s for s in sources if pair in s.pairs]
    fitting += [s for s in sources if s.status == "running"]
    source = (fitting or list(sources))[0]
    pair = pair if pair in source.pairs else source.pairs[0]
    bases = {
        s.timeframe
        for s in sources
        if s.exchange == source.exchange and pair in s.pairs
    }
    timeframes = derived(bases)
    wanted = query.get("timeframe", "")
    timeframe = wanted if wanted in timeframes else source.timeframe
    return Chosen(source, pair, timeframe, timeframes)


def _watching(sources: Sequence[Source], chosen: Chosen) -> list[Source]:
    return [
        s
        for s in sources
        if s.exchange == chosen.source.exchange and chosen.pair in s.pairs
    ]


def _number(
    query: QueryDict, name: str, largest: int, default: int | None = None
) -> int:
    """Return a number of the address; BtcWatcherError, naming it, when it is none."""
    text = query.get(name, "")
    if not text and default is not None:
        return default
    if not (text.isascii() and text.isdecimal()) or int(text) > largest:
        raise BtcWatcherError(
            _("%(name)s must be a whole number up to %(largest)d.")
            % {"name": name, "largest": largest}
        )
    return int(text)

"""The API of candles and of the marks on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from accounts.permissions import CanRead
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation, paged
from btc_watcher.lib.api.moments import WindowQuery
from btc_watcher.lib.api.paging import PageQuery, page_of
from btc_watcher.lib.timeframes import length_ms
from freqtrade_mgmt.api_answers import CANDLES, MARKERS, SOURCE
from freqtrade_mgmt.candles import candles_read
from freqtrade_mgmt.candles.reader import LARGEST, LIMIT
from freqtrade_mgmt.candles.resample import derived
from freqtrade_mgmt.candles.shape import candles_shape
from freqtrade_mgmt.candles.watchers import watchers_all
from signals_app.feed import cursor_now
from signals_app.markers import markers_between

if TYPE_CHECKING:
    from rest_framework.request import Request

    from freqtrade_mgmt.candles.sources import Source

# 1 January 2200: later moments only come from a wrong address.
LATEST_MS = 7_258_118_400_000


class CandlesQuery(serializers.Serializer[Any]):
    """Which candles."""

    strategy = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    pair = serializers.CharField(max_length=50)
    timeframe = serializers.CharField(max_length=10, help_text="Such as 5m or 1h.")
    until = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=LATEST_MS,
        help_text="Opened before this moment (ms since 1970); by default until now.",
    )
    limit = serializers.IntegerField(
        required=False, default=LIMIT, min_value=1, max_value=LARGEST
    )


class MarkersQuery(WindowQuery):
    """Which marks."""

    exchange = serializers.CharField(max_length=50)
    pair = serializers.CharField(max_length=50)


class SourcesView(ApiView):
    """``/api/v1/charts/``: whose candles there are."""

    permission_classes = [CanRead]

    @operation(
        paged(SOURCE),
        tag="charts",
        name="charts_sources",
        summary="List what has candles",
        query=PageQuery,
        item=SOURCE,
    )
    def get(self, request: Request) -> Response:
        """Return the strategies whose candles can be read, by name."""
        query = self.checked(PageQuery(data=request.query_params))
        rows, cursor = page_of(
            watchers_all(),
            query,
            lambda source: (source.name, source.strategy_id),
            (str, int),
        )
        return self.page(request, map(_source_shape, rows), cursor)


class CandlesView(ApiView):
    """``/api/v1/charts/candles/``."""

    permission_classes = [CanRead]

    @operation(
        CANDLES,
        tag="charts",
        name="charts_candles",
        summary="Get candles",
        query=CandlesQuery,
        refuses=(404,),
    )
    def get(self, request: Request) -> Response:
        """Return candles of a pair as a strategy's bot has them, or another that watches it."""
        query = self.checked(CandlesQuery(data=request.query_params))
        length_ms(query["timeframe"])
        read = async_to_sync(candles_read)(
            query["strategy"],
            query["pair"],
            query["timeframe"],
            query.get("until"),
            query["limit"],
        )
        found = candles_shape(read)
        if read.reason == "unknown":
            raise NotFound(found["message"])
        return Response(found)


class MarkersView(ApiView):
    """``/api/v1/charts/markers/``."""

    permission_classes = [CanRead]

    @operation(
        MARKERS,
        tag="charts",
        name="charts_markers",
        summary="Get the marks on candles",
        query=MarkersQuery,
    )
    def get(self, request: Request) -> Response:
        """Return the signals of all strategies on a pair, in short, oldest first."""
        query = self.checked(MarkersQuery(data=request.query_params))
        # The cursor first: what arrives between the two is sent again and merged.
        cursor = cursor_now()
        found = markers_between(
            query["exchange"], query["pair"], query["from"], query["to"]
        )
        return Response({"cursor": cursor, "markers": found.markers, "cut": found.cut})


def _source_shape(source: Source) -> dict[str, Any]:
    return {
        "id": source.strategy_id,
        "name": source.name,
        "exchange": source.exchange,
        "pairs": list(source.pairs),
        "timeframe": source.timeframe,
        "timeframes": derived([source.timeframe]),
        "status": source.status,
    }

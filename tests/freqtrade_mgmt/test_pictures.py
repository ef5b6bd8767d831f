"""The chart beside a signal: from the strategy's own bot, in time, or none at all."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings as configured
from django.utils.module_loading import import_string
from PIL import Image

from freqtrade_mgmt.candles.resample import Ohlcv
from freqtrade_mgmt.pictures import picture_of_signal
from freqtrade_mgmt.pictures.draw import GREEN, RED, SIZE, Drawing, draw
from strategies.models import Strategy
from tests.freqtrade_mgmt.candle_bot import CandleBot, candle_lasts, running, walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis

pytestmark = pytest.mark.django_db(transaction=True)
PAIR = "BTC/USDT"
ZONE = ZoneInfo("Asia/Shanghai")
STEP = 300_000


@pytest.fixture
def bot(
    settings: Any, tmp_path: Path, redis_client: redis.Redis
) -> Iterator[CandleBot]:
    """A running 5m bot with 200 candles, the newest just closed."""
    settings.BTCW_HOME = tmp_path
    config = {"exchange": "simulated", "pairs": [PAIR], "timeframe": "5m"}
    strategy = Strategy.objects.create(name="first", status="running", config=config)
    candle_lasts()
    answering = CandleBot(strategy.pk)
    answering.candles[PAIR] = walk(200, "5m")
    with running(answering):
        answering.write_folder(tmp_path)
        yield answering


def context(bot: CandleBot, **changes: Any) -> dict[str, Any]:
    """The context of a signal on the newest candle."""
    closed = bot.candles[PAIR][-1][0] + STEP
    plain: dict[str, Any] = {
        "strategy_id": bot.strategy_id,
        "pair": PAIR,
        "exchange": "simulated",
        "timeframe": "5m",
        "signal_type": "BUY",
        "price": "63210.5",
        "candle_close": datetime.fromtimestamp(closed / 1000, UTC)
        .isoformat()
        .replace("+00:00", "Z"),
    }
    return plain | changes


def colours(png: bytes) -> set[str]:
    """Return the colours of a picture of the right size."""
    image = Image.open(io.BytesIO(png))
    assert (image.format, image.size) == ("PNG", SIZE)
    found = image.convert("RGB").getcolors(1 << 20) or []
    return {"#{:02x}{:02x}{:02x}".format(*colour) for _count, colour in found}  # type: ignore[misc]


def flat(price: float, count: int = 9) -> list[Ohlcv]:
    return [
        Ohlcv(number * STEP, price, price, price, price, 1.0) for number in range(count)
    ]


def test_the_settings_name_the_maker() -> None:
    assert import_string(configured.NOTIFICATION_PICTURE_MAKER) is picture_of_signal


def test_a_signal_is_drawn_from_its_strategy_s_bot(bot: CandleBot) -> None:
    png = picture_of_signal(context(bot), ZONE)
    assert png is not None
    assert {GREEN, RED} <= colours(png)
    # Telegram takes ten megabytes, and mail servers less.
    assert len(png) < 100_000


def test_an_older_signal_is_drawn_up_to_its_own_candle(bot: CandleBot) -> None:
    closed = datetime.fromtimestamp(bot.candles[PAIR][100][0] / 1000, UTC)
    older = picture_of_signal(context(bot, candle_close=closed.isoformat()), ZONE)
    assert older is not None
    assert older != picture_of_signal(context(bot), ZONE)


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy_id": None},
        {"strategy_id": 10**6},
        {"pair": "ETH/USDT"},
        {"timeframe": "soon"},
        {"candle_close": None},
        {"candle_close": "yesterday"},
        # Before the first candles, beyond the newest, and between two.
        {"candle_close": "2020-01-01T00:00:00Z"},
        {"candle_close": "2040-01-01T00:00:00Z"},
        {"candle_close": "2026-11-22T12:01:00Z"},
    ],
)
def test_what_cannot_be_drawn_has_no_picture(
    bot: CandleBot, changes: dict[str, Any]
) -> None:
    assert picture_of_signal(context(bot, **changes), ZONE) is None


def test_without_its_bot_a_signal_has_no_picture(
    settings: Any, tmp_path: Path, redis_client: redis.Redis
) -> None:
    settings.BTCW_HOME = tmp_path
    config = {"exchange": "simulated", "pairs": [PAIR], "timeframe": "5m"}
    strategy = Strategy.objects.create(name="first", status="running", config=config)
    dead = CandleBot(strategy.pk)
    dead.candles[PAIR] = walk(9, "5m")
    assert picture_of_signal(context(dead), ZONE) is None


def test_a_bot_that_hangs_holds_the_message_up_for_two_seconds(
    bot: CandleBot, caplog: pytest.LogCaptureFixture
) -> None:
    bot.delay = 4.5
    started = time.monotonic()
    assert picture_of_signal(context(bot), ZONE) is None
    assert time.monotonic() - started < 4.4
    assert "took too long" in caplog.text


@pytest.mark.parametrize(
    ("red_rises", "signal_type", "seen"),
    [
        (False, "BUY", {GREEN}),
        (False, "SELL", {GREEN, RED}),
        (True, "BUY", {RED}),
        (True, "SELL", {GREEN, RED}),
    ],
)
def test_what_rises_has_the_colour_that_its_readers_expect(
    red_rises: bool, signal_type: str, seen: set[str]
) -> None:
    rising = [
        Ohlcv(n * STEP, 1.0 + n, 2.5 + n, 0.5 + n, 2.0 + n, 1.0) for n in range(9)
    ]
    drawing = Drawing("A/B  5m", rising, signal_type, "9", ZONE, red_rises=red_rises)
    assert colours(draw(drawing)) & {GREEN, RED} == seen


def test_the_maker_is_told_the_colour_of_what_rises(bot: CandleBot) -> None:
    bot.candles[PAIR] = [
        [*row[:1], 1.0, 3.0, 0.5, 2.0, 1.0] for row in bot.candles[PAIR]
    ]
    for rise, colour in (("green", GREEN), ("red", RED)):
        png = picture_of_signal(context(bot), ZONE, rise)
        assert png is not None
        assert colours(png) & {GREEN, RED} == {colour}


@pytest.mark.parametrize("price", [0.0, 1e-12, 1e-8, 63_000.0, 1e17])
@pytest.mark.parametrize("signal_type", ["BUY", "SELL", "HOLD", "odd"])
def test_any_price_can_be_drawn(price: float, signal_type: str) -> None:
    drawing = Drawing("币安/USDT  5m", flat(price), signal_type, f"{price:.12f}", ZONE)
    colours(draw(drawing))


def test_prices_that_hardly_differ_can_be_drawn() -> None:
    candles = [*flat(1e9), Ohlcv(9 * STEP, 1e9, 1e9 + 1e-6, 1e9, 1e9, 1.0)]
    colours(draw(Drawing("A/B  5m", candles, "BUY", "1", ZONE)))

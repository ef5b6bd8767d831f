"""Candles as a PNG: prices on the right, times below, the signal marked. Pure."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from freqtrade_mgmt.candles.resample import Ohlcv

SIZE: Final = (960, 540)
# Left, top, right, bottom of the candles.
FRAME: Final = (16, 56, 850, 492)
PAPER, LINES, INK, FAINT = "#131722", "#2a2f3d", "#e6e8ee", "#8d94a6"
GREEN, RED, HOLD = "#26a69a", "#ef5350", "#f0b90b"
PRICES: Final = 6
TIMES: Final = 5
ROOM: Final = 0.12


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn. The last candle is the signal's; ``price`` as people read it."""

    head: str
    candles: Sequence[Ohlcv]
    signal_type: str
    price: str
    zone: ZoneInfo
    red_rises: bool = False

    @property
    def up(self) -> str:
        """Return the colour of what rises, and of a buy."""
        return RED if self.red_rises else GREEN

    @property
    def down(self) -> str:
        """Return the colour of what falls, and of a sell."""
        return GREEN if self.red_rises else RED


@dataclass(frozen=True, slots=True)
class Scale:
    """Where prices and candles are on the paper."""

    low: float
    high: float
    count: int

    @classmethod
    def of(cls, candles: Sequence[Ohlcv]) -> Scale:
        """Return the scale in which all candles have room."""
        low = min(candle.low for candle in candles)
        high = max(candle.high for candle in candles)
        room = (high - low) * ROOM or abs(high) * ROOM or 1.0
        return cls(low - room, high + room, len(candles))

    def y(self, price: float) -> float:
        """Return the height of a price."""
        _left, top, _right, bottom = FRAME
        share = (price - self.low) / (self.high - self.low)
        return bottom - share * (bottom - top)

    def x(self, place: int) -> float:
        """Return the middle of a candle."""
        left, _top, right, _bottom = FRAME
        return left + (place + 0.5) * (right - left) / self.count

    @property
    def width(self) -> float:
        """Return the width of a candle's body."""
        return max(1.0, (FRAME[2] - FRAME[0]) / self.count * 0.64)

    def ticks(self) -> Iterator[float]:
        """Return round prices, about ``PRICES`` of them."""
        rough = (self.high - self.low) / PRICES
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        for number in range(first, last + 1):
            yield number * step

    @property
    def decimals(self) -> int:
        """Return the digits after the point that tell ticks apart."""
        rough = (self.high - self.low) / PRICES
        return max(0, min(10, 1 - math.floor(math.log10(rough))))


def draw(drawing: Drawing) -> bytes:
    """Return the picture as PNG."""
    image = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(image)
    scale = Scale.of(drawing.candles)
    _prices(pen, scale)
    _times(pen, scale, drawing)
    for place, candle in enumerate(drawing.candles):
        rises = candle.close >= candle.open
        _candle(pen, scale, place, candle, drawing.up if rises else drawing.down)
    _signal(pen, scale, drawing)
    # The font has Latin letters only.
    head = drawing.head.encode("latin-1", "ignore").decode("latin-1")
    pen.text((FRAME[0], 18), head, fill=INK, font=_font(22))
    kept = io.BytesIO()
    image.save(kept, "PNG")
    return kept.getvalue()


def _prices(pen: ImageDraw.ImageDraw, scale: Scale) -> None:
    left, _top, right, _bottom = FRAME
    for price in scale.ticks():
        y = scale.y(price)
        pen.line((left, y, right, y), fill=LINES)
        text = f"{price:.{scale.decimals}f}"
        pen.text((right + 8, y), text, fill=FAINT, font=_font(14), anchor="lm")


def _times(pen: ImageDraw.ImageDraw, scale: Scale, drawing: Drawing) -> None:
    _left, top, _right, bottom = FRAME
    candles = drawing.candles
    moments = [
        datetime.fromtimestamp(candle.open_ms / 1000, UTC).astimezone(drawing.zone)
        for candle in candles
    ]
    same_day = moments[0].date() == moments[-1].date()
    step = max(1, len(candles) // TIMES)
    for place in range(step // 2, len(candles), step):
        x, moment = scale.x(place), moments[place]
        pen.line((x, top, x, bottom), fill=LINES)
        text = f"{moment:%H:%M}" if same_day else f"{moment:%m-%d %H:%M}"
        pen.text((x, bottom + 8), text, fill=FAINT, font=_font(14), anchor="mt")
    zone = str(drawing.zone)
    pen.text(
        (SIZE[0] - 12, SIZE[1] - 10), zone, fill=FAINT, font=_font(12), anchor="rb"
    )


def _candle(
    pen: ImageDraw.ImageDraw, scale: Scale, place: int, candle: Ohlcv, colour: str
) -> None:
    x, half = scale.x(place), scale.width / 2
    pen.line((x, scale.y(candle.high), x, scale.y(candle.low)), fill=colour)
    top, bottom = sorted((scale.y(candle.open), scale.y(candle.close)))
    pen.rectangle((x - half, top, x + half, max(bottom, top + 1)), fill=colour)


def _signal(pen: ImageDraw.ImageDraw, scale: Scale, drawing: Drawing) -> None:
    """Mark the candle that closed with the signal, and its price."""
    colours = {"BUY": drawing.up, "SELL": drawing.down}
    colour = colours.get(drawing.signal_type, HOLD)
    last = drawing.candles[-1]
    left, _top, right, _bottom = FRAME
    y = scale.y(last.close)
    for start in range(left, right, 8):
        pen.line((start, y, start + 3, y), fill=colour)
    width = pen.textlength(drawing.price, font=_font(14))
    # Over the whole of a price that may stand there.
    end = max(right + 13 + width, SIZE[0] - 8)
    pen.rectangle((right + 3, y - 10, end, y + 10), fill=colour)
    pen.text((right + 8, y), drawing.price, fill=PAPER, font=_font(14), anchor="lm")
    x = scale.x(len(drawing.candles) - 1)
    if drawing.signal_type == "SELL":
        tip = scale.y(last.high) - 6
        pen.polygon([(x, tip), (x - 9, tip - 16), (x + 9, tip - 16)], fill=colour)
    else:
        tip = scale.y(last.low) + 6
        pen.polygon([(x, tip), (x - 9, tip + 16), (x + 9, tip + 16)], fill=colour)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)

"""What is known of one signal's outcome, and when to look again. Pure.

How long is waited: for the next horizon until its candle has closed; for a candle that
is late until others have followed it for a while; for a bot that does not answer with
growing pauses, until so long after the last candle that the signal is closed as unknown.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from btc_watcher.lib.timeframes import length_ms
from freqtrade_mgmt.outcomes.following import opens_of
from signals_app.outcomes.judging import HORIZONS, LONGEST, Bar
from signals_app.outcomes.work import Verdict

if TYPE_CHECKING:
    from freqtrade_mgmt.outcomes.following import Window
    from signals_app.outcomes.work import Work

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
# A bot has analysed a candle some seconds after it closed.
BEHIND: Final = 5_000
# Reasons beyond those of candles_read: older than what the bot holds, and a candle that
# a bot which answers does not give.
REACH, LATE = "reach", "late"


def decide(work: Work, window: Window | None, reason: str, now: datetime) -> Verdict:
    """Return what ``window`` says of the candles after a signal.

    ``window`` is None when no bot gave candles; ``reason`` says why.
    """
    at = _ms(now)
    opens = opens_of(_ms(work.timestamp), work.timeframe)
    bars, lost = _bars(opens, window, work.timeframe, at)
    reached = max(len(bars), work.known)
    if reached == LONGEST:
        # Once more after the next candle: until then the last may be corrected.
        settled = opens[LONGEST] + min(length_ms(work.timeframe), HOUR)
        due = None if at >= settled else _moment(settled + BEHIND)
        return Verdict(work, bars, due, lost)
    following = next_look(opens, reached)
    if following > at:
        return Verdict(work, bars, _moment(following + BEHIND))
    why = reason or LATE
    if at >= deadline_of(opens[LONGEST], work.timeframe):
        return Verdict(work, bars, reason=why)
    pause = pause_of(work.tries, work.timeframe)
    return Verdict(work, bars, _moment(at + pause), why, in_vain=True)


def next_look(opens: list[int], known: int) -> int:
    """Return when the next horizon's candle closes, of ``known`` candles so far."""
    return next(opens[horizon] for horizon in HORIZONS if horizon > known)


def pause_of(tries: int, timeframe: str) -> int:
    """Return after how many ms to ask again: 15 s, doubled up to a candle.

    That is a quarter of an hour at least and an hour at most: a bot that is away for a
    day shall not cost a question a minute for each of its signals.
    """
    longest = min(max(length_ms(timeframe), HOUR // 4), HOUR)
    return min(15_000 << min(tries, 10), longest)


def patience_of(timeframe: str) -> int:
    """Return how many ms a candle may be late while others have followed it."""
    return min(max(2 * length_ms(timeframe), 10 * MINUTE), 6 * HOUR)


def deadline_of(last_close: int, timeframe: str) -> int:
    """Return when it is given up: a day after the last candle, or a hundred candles.

    At most 30 days: by then no bot holds candles that it did not hold before.
    """
    return last_close + min(max(100 * length_ms(timeframe), DAY), 30 * DAY)


def _bars(
    opens: list[int], window: Window | None, timeframe: str, at: int
) -> tuple[list[Bar | None], str]:
    """Return the leading candles that are known, a gap as None, and what was lost."""
    bars: list[Bar | None] = []
    why = ""
    for number, opened in enumerate(opens[:LONGEST]):
        # Only what has closed: the next open is this one's close.
        if window is None or opens[number + 1] > at:
            break
        bar = window.bars.get(opened)
        if bar is None:
            gone = opened < window.first
            missed = opened < window.newest and at >= (
                opens[number + 1] + patience_of(timeframe)
            )
            if not gone and not missed:
                break
            why = REACH if gone else why
        bars.append(bar)
    return bars, why


def _ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _moment(stamp: int) -> datetime:
    return EPOCH + timedelta(milliseconds=stamp)

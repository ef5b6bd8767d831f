"""What lies around one signal: its candles, its streak, its pair. Addresses for its page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.utils import timezone

from btc_watcher.lib.timeframes import candle_seconds

if TYPE_CHECKING:
    from datetime import datetime

    from signals_app.models import Signal

BEFORE: Final = 120
# More than the candles by which an outcome is judged.
AFTER: Final = 40


def chart_of(signal: Signal) -> dict[str, Any] | None:
    """Return what the chart on a signal's page needs, None where no bot has candles.

    ``query`` asks for candles up to some after the signal; ``close`` (seconds since 1970)
    and ``length`` (seconds) tell which of them is its own.
    """
    seconds = candle_seconds(signal.timeframe)
    if signal.strategy_id is None or seconds is None:
        return None
    chosen = {
        "strategy": signal.strategy_id,
        "pair": signal.pair,
        "timeframe": signal.timeframe,
    }
    until = signal.timestamp + timedelta(seconds=seconds * AFTER)
    asked = {"until": int(until.timestamp() * 1000), "limit": BEFORE + AFTER}
    return {
        "query": urlencode(chosen | asked),
        "page": urlencode(chosen),
        "close": int(signal.timestamp.timestamp()),
        "length": seconds,
        "zone": timezone.get_current_timezone_name(),
    }


def streak_query(signal: Signal) -> str:
    """Return the history's filter for the streak up to a signal, "" for a first one."""
    number = signal.metadata.get("streak")
    seconds = candle_seconds(signal.timeframe)
    if not isinstance(number, int) or number < 2 or seconds is None:
        return ""
    first = signal.timestamp - timedelta(seconds=seconds * (number - 1))
    return urlencode(
        {
            "from": _exact(first),
            # The end is not included, the minute of the signal is.
            "to": _exact(signal.timestamp + timedelta(minutes=1)),
            **_strategy(signal),
            "pair": signal.pair,
            "timeframe": signal.timeframe,
            "type": signal.signal_type,
        }
    )


def pair_query(signal: Signal) -> str:
    """Return the history's filter for the pair, in the days around a signal."""
    day = timedelta(days=1)
    ends = signal.timestamp - 7 * day, min(signal.timestamp + day, timezone.now())
    first, last = (f"{timezone.localtime(each):%Y-%m-%d}" for each in ends)
    return urlencode({"from": first, "to": last, "pair": signal.pair})


def _strategy(signal: Signal) -> dict[str, str | int]:
    """Return whose signal it is: the number stays when the strategy is renamed."""
    if signal.strategy_id is not None:
        return {"strategy_id": signal.strategy_id}
    return {"strategy": signal.strategy_name}


def _exact(moment: datetime) -> str:
    """Return a moment with its offset: when clocks go back, an hour comes twice."""
    return timezone.localtime(moment).isoformat()

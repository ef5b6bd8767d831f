"""Candle close: 5,000 signals of one instant, from the bots' frames to 200 browsers.

50 bots on loopback speak freqtrade's WebSocket; see ``closing``. Everything is measured
from the first frame that a bot wrote: until the last row is committed (its outbox row is
in the same transaction), until the last entry is in the stream, and until the last
browser has its last frame. Beside it, in the same run: bare ``executemany`` of the same
rows, and the same bytes given by one thread to as many sockets as there are browsers.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone

from notifications.models import Notification
from signals_app.models import Signal
from tests.benchmarks.burst import bare_seconds
from tests.benchmarks.closing import Size, candles_close
from tests.benchmarks.output import median, quick, report
from tests.benchmarks.setting import PAIRS, STRATEGIES, candle_close, make_strategies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.closing import Close

SIZE: Final = Size(bots=STRATEGIES, pairs=PAIRS, browsers=200)
ROUNDS: Final = 9
QUICK_ROUNDS: Final = 3


def figures(times: Sequence[Close]) -> dict[str, Any]:
    """Return the medians of some candles, as they are reported."""

    def middle(name: str) -> float:
        return median([getattr(each, name) for each in times])

    return {
        "frames_written_seconds": middle("frames_written"),
        "batches": middle("batches"),
        "last_row_seconds": middle("rows"),
        "last_stream_entry_seconds": middle("stream"),
        "last_browser_seconds": middle("browsers"),
        "last_browser_seconds_best": min(each.browsers for each in times),
        "browsers_behind": max(each.behind for each in times),
        "notices": sum(each.notices for each in times),
        "mb_to_browsers": times[-1].received / 1e6,
        "processor_seconds": {
            name: round(median([each.worked[name] for each in times]), 2)
            for name in times[0].worked
        },
        "resident_mb": {
            name: round(size / 1e6, 1) for name, size in times[-1].resident.items()
        },
        "repetitions": len(times),
    }


def bare_broadcast(size: int, browsers: int) -> float:
    """Return the seconds in which one thread gives ``size`` bytes to every socket.

    Another thread reads them: what the kernel takes for it, and no more.
    """
    pairs = [socket.socketpair() for _ in range(browsers)]
    part = bytes(64 * 1024)
    reader = threading.Thread(target=_swallow, args=([b for _, b in pairs], size))
    started = time.perf_counter()
    reader.start()
    for begin in range(0, size, len(part)):
        for writing, _reading in pairs:
            writing.sendall(part[: min(len(part), size - begin)])
    reader.join()
    took = time.perf_counter() - started
    for each in (each for pair in pairs for each in pair):
        each.close()
    return took


def _swallow(sockets: list[socket.socket], size: int) -> None:
    left = dict.fromkeys(sockets, size)
    buffer = bytearray(1 << 20)
    with selectors.EpollSelector() as selector:
        for each in sockets:
            selector.register(each, selectors.EVENT_READ, each)
        while left:
            for key, _events in selector.select():
                each = key.data
                left[each] -= each.recv_into(buffer)
                if not left[each]:
                    del left[each]
                    selector.unregister(each)


def bare_rows(strategies: list[tuple[int, str]], rounds: int) -> float:
    """Return the median seconds of bare executemany of a candle close."""
    moment = timezone.now().replace(microsecond=0)
    steps = (timedelta(milliseconds=number + 1) for number in range(rounds))
    return median(
        [bare_seconds(candle_close(strategies, moment - step)) for step in steps]
    )


def main() -> None:
    """Measure and print."""
    rounds = QUICK_ROUNDS if quick() else ROUNDS
    strategies = make_strategies()
    times = candles_close(SIZE, strategies, rounds)
    stored, told = Signal.objects.count(), Notification.objects.count()
    assert stored == (1 + rounds) * SIZE.signals, stored
    report(
        "candle_close",
        signals=SIZE.signals,
        **SIZE._asdict(),
        outbox_rows_each=told // (1 + rounds),
        **figures(times),
        bare_executemany_seconds=bare_rows(strategies, rounds),
        bare_broadcast_seconds=bare_broadcast(
            times[-1].received // SIZE.browsers, SIZE.browsers
        ),
        goal="last browser at most 1.5 s",
    )

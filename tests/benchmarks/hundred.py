"""A hundred strategies of twenty pairs in a runner, ten in one, and ten bots beside.

What is measured: the memory of all processes; requests for each pair, timeframe and
candle; the seconds from the exchange serving a candle to each strategy's row of each
pair at a client. The bare reference is what freqtrade itself needs for the same: ten bots
of the first ten strategies, in the same run, one after the other so that none disturbs.
The demonstrations and the editor's templates, which do more, are measured once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from freqtrade_mgmt.installer import freqtrade_install
from tests.benchmarks.hundred_world import (
    PAIRS,
    Candle,
    Clients,
    RememberingExchange,
    faces_made,
    held_mb,
    processor_seconds,
)
from tests.benchmarks.output import median, percentile, quick, report
from tests.freqtrade_mgmt.runner.running import RunningBot, RunningRunner, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW: Final = 10
GOAL: Final = "at most 800 MB, half of the marks out within 3 s, the last within 6 s"
_START_SECONDS: Final = 900


def main() -> None:
    """Measure all, and print one object each."""
    many, candles = (FEW, 2) if quick() else (100, 5)
    python = freqtrade_install(
        None, Path(settings.BASE_DIR) / "var" / "test-freqtrade", lambda _line: None
    ).python
    root = Path(tempfile.mkdtemp(prefix="btcw-hundred-"))
    try:
        with RememberingExchange() as exchange:
            for kind, count in (("simple", many), ("simple", FEW), ("templates", many)):
                folder = root / f"{kind}-{count}"
                folder.mkdir(exist_ok=True)
                found = _runner(python, folder, exchange, count, kind, candles)
                # What was asked for, is asked for simple strategies.
                goal = {"goal": GOAL} if (kind, count) == ("simple", many) else {}
                report("hundred", kind=kind, **found, **goal)
                if quick():
                    break
            report(
                "hundred_bots", kind="simple", **_bots(python, root, exchange, candles)
            )
    finally:
        shutil.rmtree(root)


def _runner(
    python: Path,
    root: Path,
    exchange: RememberingExchange,
    count: int,
    kind: str,
    candles: int,
) -> dict[str, Any]:
    folder = root / "runner"
    folder.mkdir()
    faces = faces_made(root / "hosted", exchange, count, kind)
    before = exchange.hits["klines"]
    with RunningRunner(python, folder) as runner:
        begun = time.monotonic()
        for face in faces:
            if not runner.load(face)["ok"]:
                raise RuntimeError(runner.log()[-2000:])
        wait_until(lambda: _all_analysed(runner, faces), _START_SECONDS, runner.log)
        started = time.monotonic() - begun
        asked = exchange.hits["klines"] - before
        pids = [runner.process.pid]
        used = processor_seconds(pids)
        found = asyncio.run(Clients(faces).candles(exchange, candles))
        used = (processor_seconds(pids) - used) / candles
        one = runner.do("list")["strategies"]
        return {
            "strategies": count,
            "pairs": len(PAIRS),
            "started_s": round(started, 1),
            "requests_at_start": asked,
            "analysis_ms": 1000 * median([each["seconds_p50"] for each in one]),
            "processor_s_each_candle": used,
            **held_mb(pids),
            **_shown(found, count),
        }


def _bots(
    python: Path, root: Path, exchange: RememberingExchange, candles: int
) -> dict[str, Any]:
    faces = faces_made(root / "bots", exchange, FEW)
    with contextlib.ExitStack() as stack:
        begun = time.monotonic()
        bots = [stack.enter_context(RunningBot(python, face)) for face in faces]
        for face in faces:
            wait_until(face.analysed, _START_SECONDS, face.log)
        started = time.monotonic() - begun
        pids = [bot.process.pid for bot in bots]
        used = processor_seconds(pids)
        found = asyncio.run(Clients(faces).candles(exchange, candles))
        used = (processor_seconds(pids) - used) / candles
        return {
            "strategies": FEW,
            "pairs": len(PAIRS),
            "started_s": round(started, 1),
            "processor_s_each_candle": used,
            **held_mb(pids),
            **_shown(found, FEW),
        }


def _all_analysed(runner: RunningRunner, faces: Sequence[Any]) -> bool:
    said = runner.do("list")["strategies"]
    states = {each["state"] for each in said}
    if not states <= {"loading", "running"}:
        raise RuntimeError(str([each for each in said if each["error"]]))
    return bool(sum(each["analyses"] for each in said) >= len(faces) * len(PAIRS))


def _shown(candles: Sequence[Candle], strategies: int) -> dict[str, Any]:
    """Return the medians over the candles, and the worst of the last marks."""
    return {
        "candles": len(candles),
        "requests_each_candle": median([candle.asked for candle in candles]),
        "requests_each_strategy": median([c.asked / strategies for c in candles]),
        "requests_repeated": sum(candle.asked_twice for candle in candles),
        "served_after_close_s": median([candle.after_close for candle in candles]),
        "fetched_within_s": median([candle.fetched for candle in candles]),
        "p50_s": median([percentile(candle.lags, 0.5) for candle in candles]),
        "p95_s": median([percentile(candle.lags, 0.95) for candle in candles]),
        "last_s": median([candle.lags[-1] for candle in candles]),
        "worst_s": max(candle.lags[-1] for candle in candles),
    }

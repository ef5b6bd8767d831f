"""Loads one strategy as a bot would, tries it on generated candles, and reports.

    python -I load_strategy.py FOLDER CLASS_NAME REPORT_FD PARENT_PID

Run by the interpreter of a freqtrade environment, in FOLDER, with
FOLDER/strategies/CLASS_NAME.py, settings.json and limits.json. Django never imports it.
Limits itself before anything is loaded, ends when PARENT_PID does, and writes one JSON
object per stage to REPORT_FD; the last one counts:
ready, loaded (with facts), done (facts and warnings), refused or failed (with a problem).
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import logging
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

# freqtrade is imported by name while running: it exists in its own environment alone.
PAIR = "BTC/USDT"
CANDLES = 500
MOST_CANDLES = 3_000
MOST_COLUMNS = 200
TEXT = 300
MARKS = ("enter_long", "exit_long", "enter_short", "exit_short")
GIVEN = {"date", "open", "high", "low", "close", "volume", "enter_tag", "exit_tag"}
PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38


class Report:
    """Tells the supervisor how far it came, on a file that it opened."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def say(self, stage: str, **values: Any) -> None:
        """Write a stage as one line."""
        line = json.dumps({"stage": stage, **values}, default=str) + "\n"
        os.write(self._descriptor, line.encode())


class FirstError(logging.Handler):
    """Keeps the error that freqtrade logs as a text only, when it cannot import."""

    def __init__(self) -> None:
        super().__init__()
        self.error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the exception that is being handled now."""
        self.error = self.error or sys.exc_info()[1]


def problem_of(error: BaseException, file: Path) -> dict[str, Any]:
    """Return an exception's kind, text and the line of the strategy that it comes from."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(file)
    ]
    text = str(error)
    if isinstance(error, SyntaxError):
        lines, text = [error.lineno], error.msg
    kind = "MemoryError" if isinstance(error, MemoryError) else type(error).__name__
    module = error.name if isinstance(error, ModuleNotFoundError) else None
    # The first line says it; some libraries add pages.
    text = next((line for line in text.splitlines() if line.strip()), "")[:TEXT]
    return {
        "kind": kind,
        "text": text,
        "line": lines[-1] if lines else None,
        "module": module,
        "code": str(error.code) if isinstance(error, SystemExit) else None,
    }


def configuration(folder: Path, class_name: str, settings: dict[str, Any]) -> Any:
    """Return what freqtrade's resolver needs of a bot's configuration."""
    enums = importlib.import_module("freqtrade.enums")
    mode = enums.TradingMode(settings.get("trading_mode", "spot"))
    return {
        "stake_amount": 100,
        "stake_currency": "USDT",
        **settings,
        "strategy": class_name,
        "user_data_dir": folder,
        "dry_run": True,
        "runmode": enums.RunMode.DRY_RUN,
        "trading_mode": mode,
        "candle_type_def": enums.CandleType.get_default(mode.value),
        "exchange": {"name": "binance", "pair_whitelist": [], "pair_blacklist": []},
    }


def candles(timeframe: str, count: int) -> Any:
    """Return that many generated candles up to now: waves, noise and some break-outs."""
    numpy = importlib.import_module("numpy")
    pandas = importlib.import_module("pandas")
    exchange = importlib.import_module("freqtrade.exchange")
    seconds = exchange.timeframe_to_seconds(timeframe)
    random = numpy.random.default_rng(7)
    steps = numpy.arange(count)
    waves = 0.0016 * numpy.sin(steps / 9) + 0.0022 * numpy.sin(steps / 37)
    changes = waves + random.normal(0, 0.003, count)
    changes[random.integers(0, count, count // 60)] *= 4
    close = 30_000 * numpy.exp(numpy.cumsum(changes - changes.mean()))
    opened = numpy.concatenate([[30_000.0], close[:-1]])
    reach = numpy.abs(random.normal(0, 0.0015, (2, count)))
    end = pandas.Timestamp.now(tz="UTC").floor(f"{seconds}s")
    return pandas.DataFrame(
        {
            "date": pandas.date_range(end=end, periods=count, freq=f"{seconds}s"),
            "open": opened,
            "high": numpy.maximum(opened, close) * (1 + reach[0]),
            "low": numpy.minimum(opened, close) * (1 - reach[1]),
            "close": close,
            "volume": 20 * random.lognormal(0, 0.6, count),
        }
    )


def provider(config: Any, count: int) -> Any:
    """Return a data provider without an exchange, whose candles are generated ones."""
    data = importlib.import_module("freqtrade.data.dataprovider")
    given = data.DataProvider(config, None)

    def frame(_pair: str, timeframe: str | None = None, *_a: Any, **_k: Any) -> Any:
        return candles(timeframe or config["timeframe"], count)

    def market(pair: str) -> dict[str, str]:
        base, _slash, quote = pair.partition("/")
        return {"symbol": pair, "base": base, "quote": quote.partition(":")[0]}

    for name in ("get_pair_dataframe", "ohlcv", "historic_ohlcv"):
        setattr(given, name, frame)
    given.market = market
    given.current_whitelist = list
    return given


def facts_of(strategy: Any) -> dict[str, Any]:
    """Return what a loaded strategy says about itself."""
    return {
        "class_name": type(strategy).__name__,
        "timeframe": str(strategy.timeframe),
        "startup_candle_count": int(strategy.startup_candle_count),
        "can_short": bool(strategy.can_short),
        "interface_version": int(getattr(strategy, "INTERFACE_VERSION", 3)),
    }


def tried(strategy: Any, config: Any, startup: int) -> dict[str, Any]:
    """Return how many marks the strategy sets on generated candles, and its columns."""
    count = min(MOST_CANDLES, max(0, startup) + CANDLES)
    strategy.dp = provider(config, count)
    strategy.ft_bot_start()
    frame = candles(strategy.timeframe, count)
    analysed = strategy.analyze_ticker(frame, {"pair": PAIR})
    if len(analysed) != count:
        raise ValueError(
            f"it returned {len(analysed)} of {count} candles; keep every row"
        )
    settled = analysed.iloc[min(max(0, startup), count - 1) :]
    columns = [str(name) for name in analysed.columns]
    return {
        "candles": len(settled),
        "marks": {
            mark: int((settled[mark] == 1).sum()) for mark in MARKS if mark in columns
        },
        "columns": [n for n in columns if n not in {*MARKS, *GIVEN}][:MOST_COLUMNS],
    }


def trial(folder: Path, class_name: str, report: Report) -> None:
    """Load and try the strategy."""
    file = folder / "strategies" / f"{class_name}.py"
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    if importlib.util.find_spec(class_name) is not None:
        report.say("refused", problem={"kind": "HidesModule", "text": class_name})
        return
    resolvers = importlib.import_module("freqtrade.resolvers")
    config = configuration(folder, class_name, settings)
    first = FirstError()
    logging.getLogger("freqtrade.resolvers.iresolver").addHandler(first)
    report.say("ready")
    try:
        strategy = resolvers.StrategyResolver.load_strategy(config)
        facts = facts_of(strategy)
    except BaseException as error:  # noqa: BLE001 - a strategy may raise anything at all
        report.say("refused", problem=problem_of(first.error or error, file))
        return
    report.say("loaded", facts=facts)
    warnings = [problem_of(first.error, file)] if first.error else []
    try:
        facts |= tried(strategy, config, facts["startup_candle_count"])
    except (SystemExit, MemoryError) as error:
        # A bot does not survive these, while it lives on with any other.
        report.say("failed", problem=problem_of(error, file))
        return
    except BaseException as error:  # noqa: BLE001 - as above
        wrapped = type(error).__name__ == "StrategyError" and error.__cause__
        warnings.append(problem_of(wrapped or error, file))
    report.say("done", facts=facts, warnings=warnings)


def confine(folder: Path, parent: int) -> bool:
    """Give up rights and resources, for good; return False when the parent has gone."""
    process = ctypes.CDLL(None)
    if hasattr(process, "prctl"):
        process.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        process.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    wanted = json.loads((folder / "limits.json").read_text(encoding="utf-8"))
    for name, (soft, hard) in wanted["limits"].items():
        resource.setrlimit(getattr(resource, name), (soft, hard))
    os.nice(max(0, wanted["nice"] - os.nice(0)))
    return os.getppid() == parent


def main() -> None:
    """Run the trial, and leave at once whatever threads the strategy has started."""
    folder, class_name = Path(sys.argv[1]), sys.argv[2]
    if not confine(folder, parent=int(sys.argv[4])):
        return
    trial(folder, class_name, Report(int(sys.argv[3])))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

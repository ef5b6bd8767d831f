"""One strategy in a worker, standing where freqtrade's code expects a bot."""

from __future__ import annotations

import contextlib
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freqtrade.commands import Arguments
from freqtrade.configuration import (
    Configuration,
    remove_exchange_credentials,
    validate_config_consistency,
)
from freqtrade.constants import DOCS_LINK
from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import CandleType, State
from freqtrade.exceptions import ConfigurationError, FreqtradeException
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.plugins.pairlistmanager import PairListManager
from freqtrade.plugins.protectionmanager import ProtectionManager
from freqtrade.resolvers import StrategyResolver
from freqtrade.rpc import RPC
from freqtrade.rpc.api_server.ws.serializer import HybridJSONWebSocketSerializer
from freqtrade.strategy.interface import IStrategy
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper
from freqtrade.wallets import Wallets
from pandas import DataFrame

from freqtrade_mgmt.runner import detect
from freqtrade_mgmt.runner.logs import StrategyLog
from freqtrade_mgmt.runner.modules import (
    PrivateModules,
    process_changed,
    process_state,
)
from freqtrade_mgmt.runner.rows import Rows
from freqtrade_mgmt.runner.views import SharedExchange, Stored, View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from freqtrade_mgmt.runner.views import Key

logger = logging.getLogger("freqtrade")


class NeedsBotError(Exception):
    """The strategy needs a bot of its own; the text is a sentence that says why."""


class Outlet:
    """Takes the messages of a strategy as freqtrade's RPC manager does, as bytes."""

    def __init__(self, say: Callable[[str, bytes], None]) -> None:
        self._say = say
        self._text = HybridJSONWebSocketSerializer(None)
        self._rows = Rows()
        self.analysed = 0

    def send_msg(self, message: Any) -> None:
        """Hand over a message as a bot's WebSocket would carry it."""
        kind = str(message["type"].value)
        self.analysed += kind == "analyzed_df"
        try:
            text = self.text(message)
        except Exception:
            # A bot, too, would only fail to send it.
            logger.exception("Exception occurred within RPC module apiserver")
        else:
            self._say(kind, text)

    def text(self, message: Any) -> bytes:
        """Return a message as it is sent."""
        data = message.get("data")
        if isinstance(data, dict) and isinstance(data.get("df"), DataFrame):
            # What freqtrade's serialiser makes of a frame.
            frame = {"__type__": "dataframe", "__value__": self._rows.text(data["df"])}
            message = {**message, "data": {**data, "df": frame}}
        serialised: str = self._text._serialize(message)  # noqa: SLF001 - none is public
        return serialised.encode()


class Stand:
    """A loaded strategy with what a bot has around it; its names are those of a bot."""

    def __init__(
        self,
        order: Mapping[str, Any],
        exchange: Any,
        stored: dict[Key, Stored],
        say: Callable[[str, bytes], None],
    ) -> None:
        self.strategy_id = int(order["strategy_id"])
        self.log = StrategyLog(Path(order["log"]))
        self.modules = PrivateModules(Path(order["userdir"]))
        self.outlet = Outlet(say)
        self.state = State.RUNNING
        self.last_process: datetime | None = None
        self.active_pair_whitelist: list[str] = []
        self.grown_mb = 0.0
        self._order = order
        self._view = View(stored, int(order["since_ms"]), _now_ms)
        self.config: Any = {}
        self.exchange = SharedExchange(exchange, self._view)
        self._shared = exchange
        # Modules of its own that were looked at, and what was done once: pairs that were
        # analysed, and its other callbacks.
        self._examined: set[Path] = set()
        self._tried: set[str] = set()
        self._alone = False
        self._before: dict[str, Any] = {}

    def load(self) -> None:
        """Load the strategy as a bot does when it starts, in the order of a bot.

        Raises NeedsBotError, and whatever freqtrade and the strategy raise.
        """
        self._before = process_state()
        self._configure()
        _refuse(detect.of_config(self.config))
        self._shared.validate_config(self.config)
        self.strategy = StrategyResolver.load_strategy(self.config)
        _refuse(detect.of_source(self.strategy.__source__))
        self._examine()
        validate_config_consistency(self.config)
        self._shared.validate_config(self.config)
        self._view.startup = self._shared._startup_candle_count  # noqa: SLF001 - none is public
        self._view.calls = self._shared.required_candle_call_count
        _refuse(detect.of_config(self.config))
        self._surround()
        # Some are imported only when it begins.
        self._examine()
        _refuse_changed(self._before)

    def spoils(self) -> bool:
        """Tell whether a load that failed may have changed what all share, for good.

        What can be put back is; a library that was patched while the source was
        imported stays as it is.
        """
        changed = bool(process_changed(self._before))
        return changed or any(map(_changes_all, self.modules.files()))

    def _configure(self) -> None:
        command = ["trade", "--no-color", "--config", str(self._order["config"])]
        command += ["--userdir", str(self._order["userdir"])]
        self.config = Configuration(
            Arguments(command).get_parsed_arg(), None
        ).get_config()
        # As the exchange object of its own would have written into it.
        self.config["trading_mode"] = self._shared.trading_mode
        self.config["margin_mode"] = self._shared.margin_mode
        self.config["candle_type_def"] = CandleType.get_default(
            self._shared.trading_mode
        )
        remove_exchange_credentials(self.config["exchange"], True)  # noqa: FBT003 - freqtrade's

    def _surround(self) -> None:
        """Give the strategy its data provider and pairs, and let it begin."""
        self.wallets = Wallets(self.config, self._shared)
        self.rpc = RPC(self)
        self.dataprovider = DataProvider(self.config, self.exchange, rpc=self.outlet)
        self.pairlists = PairListManager(self._shared, self.config, self.dataprovider)
        self.dataprovider.add_pairlisthandler(self.pairlists)
        self.strategy.dp = self.dataprovider
        self.strategy.wallets = self.wallets
        self.pairs_refresh()
        self.strategy.ft_bot_start()
        self.protections = ProtectionManager(self.config, self.strategy.protections)
        if hasattr(FreqtradeBot, "validate_informative_candle_types"):
            FreqtradeBot.validate_informative_candle_types(self)

    def _examine(self) -> None:
        """Look into the modules of its own that were imported since the last time."""
        for file in self.modules.sources():
            if file in self._examined:
                continue
            self._examined.add(file)
            source = _text(file)
            _refuse(detect.of_source(source))
            if self._alone and detect.looks_around(source):
                # The hub was told otherwise before this one was imported.
                _refuse(f"It imports {file.name} only while it analyses.")

    def pairs_refresh(self) -> None:
        """Look again which of its pairs the exchange has, as a bot does in each loop."""
        self.pairlists.refresh_pairlist()
        self.active_pair_whitelist = self.pairlists.whitelist

    def wanted(self) -> list[Key]:
        """Return the pairs and timeframes that its bot would fetch now.

        Raises NeedsBotError as ``analyse`` does.
        """
        pairs = self.pairlists.create_pair_list(self.active_pair_whitelist)
        with self._looked_at_once("informative_pairs"):
            return [*pairs, *self.strategy.gather_informative_pairs()]

    def facts(self) -> dict[str, Any]:
        """Return what the hub has to know."""
        mine = type(self.strategy)
        loops = mine.bot_loop_start is not IStrategy.bot_loop_start
        changing = mine.informative_pairs is not IStrategy.informative_pairs
        self._alone = not (loops or changing or self._looks_around())
        return {
            "timeframe": self.strategy.timeframe,
            "pairs": self.active_pair_whitelist,
            "candle_type": str(self.config["candle_type_def"].value),
            "keys": keys_said(self.wanted()),
            "startup": self._view.startup,
            "calls": self._view.calls,
            "loops": loops,
            "changing": changing,
            "alone": self._alone,
        }

    def _looks_around(self) -> bool:
        """Tell whether an analysis may look at other candles than those of its pair."""
        sources = [self.strategy.__source__, *map(_text, self.modules.sources())]
        return bool(self.strategy._ft_informative) or any(  # noqa: SLF001 - none is public
            map(detect.looks_around, sources)
        )

    def loop(self) -> None:
        """Do what a bot does in each loop before it analyses.

        Raises NeedsBotError as ``analyse`` does.
        """
        with self._looked_at_once("bot_loop_start"):
            strategy_safe_wrapper(self.strategy.bot_loop_start, supress_error=True)(
                current_time=datetime.now(UTC)  # noqa: TID251 - no Django here
            )

    def analyse(self, pair: str) -> bool:
        """Analyse one pair as a bot does; tell whether it came out, or nothing was due.

        Raises NeedsBotError when a pair's first analysis shows that it cannot stay.
        """
        with self._looked_at_once(pair):
            return self._analysed(pair)

    @contextlib.contextmanager
    def _looked_at_once(self, what: str) -> Iterator[None]:
        """Raise NeedsBotError where the first time of something shows that it must go."""
        if what in self._tried:
            yield
            return
        self._tried.add(what)
        before = process_state()
        try:
            yield
        except BaseException:
            process_changed(before)
            raise
        self._examine()
        _refuse_changed(before)

    def _analysed(self, pair: str) -> bool:
        before = self.outlet.analysed
        key = (pair, self.strategy.timeframe, self.config["candle_type_def"])
        self.strategy.analyze([pair])
        queue = self.dataprovider._msg_queue  # noqa: SLF001 - as a bot empties it
        while queue:
            logger.info("Sending rpc strategy_msg: %s", queue.popleft())
        if self._view.empty(key) or self.outlet.analysed > before:
            return True
        # A candle that came while the analysis before this one waited was in it already;
        # freqtrade notes it only when nothing was raised.
        newest = self.dataprovider.ohlcv(*key[:2], copy=False, candle_type=key[2])
        if newest.empty:
            # Its pair is halted since before its own bot would have any candle.
            return True
        seen = self.strategy._IStrategy__last_candle_seen_per_pair.get(pair)  # noqa: SLF001 - none is public
        return seen is not None and bool(seen == newest.iloc[-1]["date"])

    def frames(self, limit: int | None, pair: str | None) -> list[bytes]:
        """Return the messages that answer a WebSocket's request for analysed candles."""
        found = self.rpc._ws_request_analyzed_df(limit, pair)  # noqa: SLF001 - as the API
        return [self.outlet.text({"type": "analyzed_df", "data": one}) for one in found]

    def close(self) -> None:
        """Let the strategy end as a bot does."""
        strategy = getattr(self, "strategy", None)
        if strategy is not None and hasattr(strategy, "ft_bot_cleanup"):
            strategy_safe_wrapper(strategy.ft_bot_cleanup, supress_error=True)()
        self.log.close()


def problem_of(error: BaseException) -> tuple[str, str]:
    """Log why a strategy cannot be loaded, in freqtrade's own words; return code and text.

    As freqtrade's main function says it before a bot ends.
    """
    if isinstance(error, NeedsBotError):
        return "needs_bot", str(error)
    code, text, shown = "load", str(error), str(error)
    if isinstance(error, SystemExit):
        code = "exit"
        text = shown = f"The strategy ended the whole program (code {error.code})."
    elif isinstance(error, MemoryError):
        code, text = "memory", "It asked for more memory than its share."
        shown = f"Fatal exception! {text}"
    elif isinstance(error, ConfigurationError):
        text = f"Configuration error: {error}"
        shown = f"{text}\nPlease make sure to review the documentation at {DOCS_LINK}."
    elif not isinstance(error, FreqtradeException):
        text = f"{type(error).__name__}: {error}"
        shown = f"Fatal exception! {text}"
    logger.error(shown, exc_info=error if shown.startswith("Fatal") else None)
    return code, text


def keys_said(keys: list[Key]) -> list[list[str]]:
    """Return pairs, timeframes and kinds of candles as texts, each once."""
    return [list(key) for key in sorted({(p, t, str(k.value)) for p, t, k in keys})]


def _refuse(why: str) -> None:
    if why:
        raise NeedsBotError(why)


def _refuse_changed(before: dict[str, Any]) -> None:
    if changed := process_changed(before):
        raise NeedsBotError(f"It changes what all share in a process ({changed}).")


def _changes_all(file: Path) -> bool:
    try:
        return detect.changes_all(_text(file))
    except OSError:
        return False  # what cannot be read was not imported either


def _text(file: Path) -> str:
    """Return a module's source; raises NeedsBotError for one that is compiled."""
    if file.suffix != ".py":
        raise NeedsBotError(f"It has a module that nobody can read ({file.name}).")
    return file.read_text(encoding="utf-8", errors="replace")


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)  # noqa: TID251 - no Django here

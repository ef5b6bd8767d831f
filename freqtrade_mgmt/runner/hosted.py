"""What the hub knows of a hosted strategy."""

from __future__ import annotations

import itertools
import statistics
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from freqtrade_mgmt.runner.order import urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freqtrade_mgmt.runner.api import StrategyApi
    from freqtrade_mgmt.runner.members import Member

LOADING, RUNNING, REFUSED, FAILED, HUNG, UNLOADED = (
    "loading",
    "running",
    "refused",
    "failed",
    "hung",
    "unloaded",
)
# Loops in a row in which everything that was tried raised.
RAISED_LOOPS: Final = 3
# What strategies of a group may have of their own in the section of the exchange.
_OWN_EXCHANGE_KEYS: Final = ("outdated_offset", "pair_blacklist", "pair_whitelist")

FrameKey = tuple[str, str, str]
_stands: Final = itertools.count(1)


class OrderError(Exception):
    """A request that cannot be done; ``code`` for programs, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Server:
    """Where a strategy's API listens, and who may ask; nothing of it is ever logged."""

    host: str
    port: int
    username: str = field(repr=False)
    password: str = field(repr=False)
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Order:
    """A strategy to load: its number, the mark of this start, and where its files are."""

    strategy_id: int
    run: str
    config: str
    userdir: str
    log: Path
    deadline: float | None
    server: Server
    group: bytes

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Order:
        """Read a request ``load`` and the configuration that it names; raises OrderError."""
        try:
            text = Path(asked["config"]).read_bytes()
            settings = orjson.loads(text)
            server = settings["api_server"]
            deadline = asked.get("deadline")
            return cls(
                strategy_id=int(asked["strategy_id"]),
                run=str(asked.get("run", "")),
                config=str(asked["config"]),
                userdir=str(asked["userdir"]),
                log=Path(asked["log"]),
                deadline=None if deadline is None else float(deadline),
                server=Server(
                    str(server.get("listen_ip_address") or "127.0.0.1"),
                    int(server["listen_port"]),
                    str(server["username"]),
                    str(server["password"]),
                    str(server["ws_token"]),
                ),
                group=_group(settings),
            )
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise OrderError(
                "config",
                f"The request or its configuration cannot be read"
                f" ({type(error).__name__}: {error}).",
            ) from error


@dataclass(slots=True)
class Facts:
    """What a worker says of a strategy that it has loaded."""

    timeframe: str
    pairs: list[str]
    candle_type: str
    keys: set[FrameKey]
    startup: int
    calls: int
    loops: bool
    changing: bool
    # Its analyses look at the candles of their own pair only.
    alone: bool
    answers: dict[str, bytes]

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Facts:
        """Read what the worker says."""
        return cls(
            timeframe=said["timeframe"],
            pairs=list(said["pairs"]),
            candle_type=said["candle_type"],
            keys={(p, t, k) for p, t, k in said["keys"]},
            startup=said["startup"],
            calls=said["calls"],
            loops=said["loops"],
            changing=said["changing"],
            alone=said["alone"],
            answers={path: text.encode() for path, text in said["answers"].items()},
        )


@dataclass(eq=False, slots=True)
class Hosted:
    """One strategy: its order, its state, and what is done for it."""

    order: Order
    # Where its frames begin, also after it was moved to another worker (ms).
    since_ms: int
    # What workers know it by. One that is loaded anew has the number of its strategy
    # again, while a worker may still be ending the one before it.
    stand: int = field(default_factory=lambda: next(_stands), init=False)
    state: str = LOADING
    error: str = ""
    message: str = ""
    facts: Facts | None = None
    member: Member | None = None
    api: StrategyApi | None = None
    seen: dict[str, int] = field(default_factory=dict)
    queued: set[str] = field(default_factory=set)
    analyses: int = 0
    took: deque[float] = field(default_factory=lambda: deque(maxlen=200))
    analysed_ms: int = 0
    processed_ms: int = 0
    grown_mb: float = 0.0
    raised: int = 0
    raised_round: int = 0
    # It loads slowly, so it is loaded where nobody waits for it.
    apart: bool = False

    @property
    def id(self) -> int:
        """The strategy's number."""
        return self.order.strategy_id

    @property
    def lives(self) -> bool:
        """Tell whether it is loaded or will be."""
        return self.state in {LOADING, RUNNING}

    @property
    def works(self) -> bool:
        """Tell whether it can be given work now."""
        return self.state == RUNNING and self.member is not None

    @property
    def urgency(self) -> float:
        """Seconds after a candle's close at which its marks are wanted."""
        return urgency(
            self.order.deadline, self.facts.timeframe if self.facts else "1d"
        )

    def base_key(self, pair: str) -> FrameKey:
        """Return the key of the candles that an analysis of ``pair`` is made of."""
        assert self.facts is not None  # noqa: S101 - only asked of loaded ones
        return pair, self.facts.timeframe, self.facts.candle_type

    def forgotten(self) -> None:
        """Begin anew with every pair, in a worker that has seen none."""
        self.member = None
        self.seen.clear()
        self.queued.clear()

    def told(self) -> dict[str, Any]:
        """Return the entry of a list."""
        return {
            "strategy_id": self.id,
            "run": self.order.run,
            "state": self.state,
            "port": self.order.server.port,
            "error": self.error,
            "message": self.message,
            "analyses": self.analyses,
            "seconds_p50": round(statistics.median(self.took), 6)
            if self.took
            else None,
            "seconds_last": round(self.took[-1], 6) if self.took else None,
            "memory_mb": round(self.grown_mb, 1),
            "last_analyzed_ms": self.analysed_ms,
        }

    def event(self) -> dict[str, Any]:
        """Return the event that tells its state."""
        names = ("strategy_id", "run", "state", "error", "message")
        told = self.told()
        return {"event": "state", **{name: told[name] for name in names}}


def _group(settings: Mapping[str, Any]) -> bytes:
    """Return what all strategies of a runner have in common, as bytes to compare."""
    exchange = {
        name: value
        for name, value in settings["exchange"].items()
        if name not in _OWN_EXCHANGE_KEYS
    }
    common = [settings.get("trading_mode"), settings.get("margin_mode"), exchange]
    return orjson.dumps(common, option=orjson.OPT_SORT_KEYS)

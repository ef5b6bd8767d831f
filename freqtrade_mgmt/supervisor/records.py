"""What the supervisor reads and writes in the database, off its event loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.bot_config import BotSpec
from freqtrade_mgmt.selectors import environment_python
from freqtrade_mgmt.strategy_code import strategy_inspect
from freqtrade_mgmt.supervisor.frames import Watched
from freqtrade_mgmt.supervisor.processes import ProcessKey
from signals_app.strategy_rules import strength_rule_of, thresholds_of
from strategies.lifecycle import WANTED_UP
from strategies.models import Status, Strategy
from strategies.selectors import processes_open, strategies_all
from strategies.services import process_stopped, strategy_status_set

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Keys of freqtrade_config that are ours; the rest goes to the bot.
OUR_KEYS = frozenset({"version", "proxy"})


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that is needed to run one strategy."""

    spec: BotSpec
    watched: Watched
    freqtrade_version: str
    python: Path
    newest: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Wishes:
    """The strategies by what is asked of them (ids)."""

    up: frozenset[int] = frozenset()
    stopping: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class OpenProcess:
    """A process that was recorded and not recorded as ended."""

    row: int
    strategy_id: int
    key: ProcessKey | None
    details: Mapping[str, Any] = field(default_factory=dict)


def wishes() -> Wishes:
    """Return what is asked of the strategies now."""
    states = dict(strategies_all().values_list("id", "status"))
    return Wishes(
        up=frozenset(
            key for key, s in states.items() if s in (Status.STARTING, Status.RUNNING)
        ),
        stopping=frozenset(key for key, s in states.items() if s == Status.STOPPING),
    )


def bot_folder(strategy_id: int) -> Path:
    """Return the folder of a strategy's bot."""
    return settings.BTCW_HOME / "bots" / str(strategy_id)


def job(strategy_id: int) -> Job:
    """Return how to run a strategy; raises ConfigurationError when it cannot be run."""
    strategy = Strategy.objects.get(pk=strategy_id)
    config = strategy.config
    wanted = strategy.freqtrade_config.get("version")
    if strategy.freqtrade_config.get("proxy"):
        raise ConfigurationError(
            f"Strategy {strategy.name!r} asks for a proxy, which this version cannot"
            " give to a bot; it would go out directly. Clear the proxy."
        )
    version, python = environment_python(wanted)
    pairs = tuple(config["pairs"])
    spec = BotSpec(
        strategy_id=strategy.pk,
        name=strategy.name,
        class_name=config["class_name"],
        code=config["code"],
        exchange=config["exchange"],
        pairs=pairs,
        timeframe=config["timeframe"],
        stake_currency=config.get("stake_currency")
        or pairs[0].partition("/")[2].partition(":")[0],
        extra={
            key: value
            for key, value in strategy.freqtrade_config.items()
            if key not in OUR_KEYS
        },
    )
    return Job(spec, _watched(strategy), version, python, _newest(strategy))


def watched(strategy_id: int) -> tuple[Watched, Mapping[str, int]]:
    """Return a strategy as the collector needs it, and its newest candles."""
    strategy = Strategy.objects.get(pk=strategy_id)
    return _watched(strategy), _newest(strategy)


def open_processes() -> list[OpenProcess]:
    """Return the processes that an earlier supervisor left behind."""
    found = []
    for row in processes_open():
        created = row.resource_usage.get("create_time")
        known = row.pid is not None and created is not None
        key = ProcessKey(row.pid, float(created)) if known and row.pid else None
        found.append(OpenProcess(row.pk, row.strategy_id or 0, key, row.resource_usage))
    return found


def buried(row: int, strategy_id: int, *, status: str, reason: str) -> None:
    """Record that a bot's process has ended and what that makes of its strategy."""
    process_stopped(row, status=status, reason=reason)
    if status == Status.STOPPED:
        stopped(strategy_id)


def failed(strategy_id: int, reason: str) -> None:
    """Put a strategy into the state error, unless somebody has stopped it meanwhile."""
    strategy_status_set(strategy_id, Status.ERROR, reason=reason, only_from=WANTED_UP)


def restarting(strategy_id: int, reason: str) -> None:
    """Show a wanted strategy as starting (again), with the reason."""
    strategy_status_set(
        strategy_id, Status.STARTING, reason=reason, only_from=WANTED_UP
    )


def proven(strategy_id: int) -> None:
    """Show a strategy as running."""
    strategy_status_set(strategy_id, Status.RUNNING, only_from={Status.STARTING})


def stopped(strategy_id: int) -> None:
    """Show a strategy as stopped, where that was asked for."""
    strategy_status_set(strategy_id, Status.STOPPED, only_from={Status.STOPPING})


def _newest(strategy: Strategy) -> dict[str, int]:
    return {
        pair: int(stamp)
        for pair, stamp in strategy.health_metrics.get("last_candles", {}).items()
    }


def _watched(strategy: Strategy) -> Watched:
    config = strategy.config
    return Watched(
        strategy_id=strategy.pk,
        name=strategy.name,
        version=strategy.version,
        exchange=config["exchange"],
        timeframe=config["timeframe"],
        thresholds=thresholds_of(strategy),
        strength=strength_rule_of(strategy),
        notify_every=config.get("notify_every"),
        startup_candles=_startup_candles(config["code"]),
    )


def _startup_candles(code: str) -> int:
    try:
        return strategy_inspect(code).startup_candle_count
    except ConfigurationError:
        return 0

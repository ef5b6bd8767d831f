"""What the supervisor reads and writes in the database, off its event loop."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.timeframes import duration
from freqtrade_mgmt.bot_config import BotSpec
from freqtrade_mgmt.bot_extra import OUR_KEYS
from freqtrade_mgmt.selectors import environment_python, standing
from freqtrade_mgmt.strategy_code import strategy_inspect
from freqtrade_mgmt.supervisor.frames import Watched
from freqtrade_mgmt.supervisor.hosting_groups import Own, head_of, own_code
from freqtrade_mgmt.supervisor.hosting_records import moved_resolve, shared_again
from freqtrade_mgmt.supervisor.identity import ProcessKey
from freqtrade_mgmt.supervisor.processes import AnyProcess, BotProcess
from freqtrade_mgmt.supervisor.revisions import revision
from freqtrade_mgmt.supervisor.told import given_up
from freqtrade_mgmt.supervisor.ways import COLUMNS, ProxyWay, Ways, way_held, way_take
from signals_app.strategy_rules import strength_rule_of, thresholds_of
from strategies.errors import StrategyMissingError
from strategies.host_words import NOTE
from strategies.lifecycle import WANTED_UP
from strategies.models import Status, Strategy
from strategies.selectors import processes_open, strategies_all
from strategies.services import (
    live_credentials,
    process_known,
    process_stopped,
    strategy_status_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from strategies.models import StrategyProcess


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that is needed to run one strategy; ``way`` None: directly.

    ``own`` is why it has a process of its own, as a code; empty: it shares one.
    """

    spec: BotSpec
    watched: Watched
    freqtrade_version: str
    python: Path
    newest: Mapping[str, int]
    revision: str
    way: ProxyWay | None = None
    own: str = Own.OFF

    @property
    def hosted(self) -> bool:
        """Whether it shares a process."""
        return not self.own


@dataclass(frozen=True, slots=True)
class Wishes:
    """The strategies by what is asked of them: ids, and the revision that shall run.

    ``held`` are wanted, but their proxy is out and they may not go any other way;
    ``hosted``, of those that shall run, share processes.
    """

    up: Mapping[int, str] = field(default_factory=dict)
    held: frozenset[int] = frozenset()
    stopping: frozenset[int] = frozenset()
    hosted: frozenset[int] = frozenset()

    def only(self, ids: frozenset[int]) -> Wishes:
        """Return the part of them that is about these strategies."""
        up = {key: revision for key, revision in self.up.items() if key in ids}
        return Wishes(
            up=up,
            held=self.held & ids,
            stopping=self.stopping & ids,
            hosted=self.hosted & ids,
        )


@dataclass(frozen=True, slots=True)
class OpenProcess:
    """A process that was recorded and not recorded as ended.

    ``runner`` names the shared one that it was a part of: its ``process`` is found there.
    """

    row: int
    strategy_id: int
    process: AnyProcess | None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def runner(self) -> str:
        """The name of the shared process, empty for one of its own."""
        return str(self.details.get("runner") or "")


def wishes() -> Wishes:
    """Return what is asked of the strategies now."""
    asked = strategies_all().filter(status__in=[*WANTED_UP, Status.STOPPING])
    rows = asked.values_list(
        "id",
        "status",
        "version",
        "health_metrics__restarts",
        "freqtrade_config__version",
        "type",
        "freqtrade_config__own_process",
        f"health_metrics__{NOTE}",
        *COLUMNS,
    )
    freqtrade, ways = standing(), Ways()
    up, stopping, held, hosted = {}, set(), set(), set()
    for key, status, version, restarts, pin, kind, asked, note, *columns in rows:
        if status == Status.STOPPING:
            stopping.add(key)
            continue
        mark = ways.mark(*columns)
        if mark is None:
            held.add(key)
            continue
        wanted = freqtrade.version(key, pin) or ""
        up[key] = revision(version, restarts, wanted, mark)
        head = head_of(version, restarts)
        if not _own(kind, asked, wanted, note, head):
            hosted.add(key)
    return Wishes(up, frozenset(held), frozenset(stopping), frozenset(hosted))


def _own(kind: str, asked: object, version: str, note: object, head: str) -> str:
    return own_code(
        enabled=settings.RUNNERS,
        kind=kind,
        asked=asked,
        version=version,
        note=note,
        head=head,
    )


def bot_folder(strategy_id: int) -> Path:
    """Return the folder of a strategy's bot."""
    return settings.BTCW_HOME / "bots" / str(strategy_id)


def job(strategy_id: int) -> Job:
    """Return how to run a strategy.

    Raises ConfigurationError when it cannot be run, HeldError when it has to wait for
    its proxy, EncryptionError when a secret of it cannot be read.
    """
    strategy = Strategy.objects.get(pk=strategy_id)
    config = strategy.config
    pin = strategy.freqtrade_config.get("version")
    wanted = standing().version(strategy_id, pin)
    version, python = environment_python(wanted)
    route, way = way_take(strategy)
    pairs = tuple(config["pairs"])
    metrics = strategy.health_metrics
    note = metrics.get(NOTE)
    own = _own(
        strategy.type,
        strategy.freqtrade_config.get("own_process"),
        version,
        note,
        head_of(strategy.version, metrics.get("restarts")),
    )
    if not own:
        shared_again(strategy_id, metrics)
    elif isinstance(note, dict) and note.get("code") != own:
        # It has a process of its own anyway: nothing has to be done about it.
        moved_resolve(strategy_id)
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
        trades=strategy.type == Strategy.Type.TRADE_EXECUTION,
        live=live_credentials(strategy),
    )
    return Job(
        spec=spec,
        watched=_watched(strategy),
        freqtrade_version=version,
        python=python,
        newest=_newest(strategy),
        revision=revision(
            strategy.version,
            strategy.health_metrics.get("restarts"),
            version,
            route.mark,
        ),
        way=way,
        own=own,
    )


def watched(strategy_id: int) -> tuple[Watched, Mapping[str, int]]:
    """Return a strategy as the collector needs it, and its newest candles."""
    strategy = Strategy.objects.get(pk=strategy_id)
    return _watched(strategy), _newest(strategy)


def open_processes(node: str) -> list[OpenProcess]:
    """Return the processes that an earlier supervisor of this node left behind.

    Rows of earlier releases of ours name no node: there was only one.
    """
    return [
        OpenProcess(row.pk, row.strategy_id or 0, _process(row), row.resource_usage)
        for row in processes_open()
        if row.resource_usage.get("node", node) == node
    ]


def _process(row: StrategyProcess) -> BotProcess | None:
    """Return the living process of a row: by pid and creation time, or by its mark.

    None for one that is shared: it is not this strategy's alone.
    """
    if row.resource_usage.get("runner"):
        return None
    created = row.resource_usage.get("create_time")
    if row.pid and created is not None:
        origin = str(row.resource_usage.get("origin") or "")
        return BotProcess.adopt(ProcessKey(row.pid, float(created), origin))
    found = BotProcess.of_run(row.resource_usage.get("run", ""))
    if found is not None:
        known(row.pk, found.key)
    return found


def known(row: int, key: ProcessKey) -> None:
    """Record which process a recorded start became."""
    process_known(
        row, pid=key.pid, create_time=key.create_time, origin=key.origin or None
    )


def buried(row: int, strategy_id: int, *, status: str, reason: str) -> None:
    """Record that a bot's process has ended and what that makes of its strategy."""
    process_stopped(row, status=status, reason=reason)
    if status == Status.STOPPED:
        stopped(strategy_id)


# A strategy whose row has gone, past all services, must not end the supervisor of the
# others: there is nothing left of it to be shown.
@transaction.atomic
def failed(strategy_id: int, reason: str) -> None:
    """Put a wanted strategy into the state error, and tell people once."""
    rows = Strategy.objects.select_for_update(no_key=True)
    strategy = rows.filter(pk=strategy_id).first()
    if strategy is not None and strategy.status in WANTED_UP:
        strategy_status_set(strategy_id, Status.ERROR, reason=reason)
        given_up(strategy, reason)


def restarting(strategy_id: int, reason: str) -> None:
    """Show a wanted strategy as starting (again), with the reason."""
    with suppress(StrategyMissingError):
        strategy_status_set(
            strategy_id, Status.STARTING, reason=reason, only_from=WANTED_UP
        )


def held(strategy_id: int) -> None:
    """Show a strategy that has to wait for its proxy as starting, with the reason."""
    if reason := way_held(strategy_id):
        restarting(strategy_id, reason)


def none_runs(strategy_ids: Iterable[int]) -> None:
    """Show strategies that have no process as starting: their turn is yet to come."""
    for strategy_id in strategy_ids:
        with suppress(StrategyMissingError):
            strategy_status_set(
                strategy_id, Status.STARTING, reason="", only_from={Status.RUNNING}
            )


def proven(strategy_id: int) -> None:
    """Show a strategy as running."""
    with suppress(StrategyMissingError):
        strategy_status_set(strategy_id, Status.RUNNING, only_from={Status.STARTING})


def stopped(strategy_id: int) -> None:
    """Show a strategy as stopped, where that was asked for."""
    with suppress(StrategyMissingError):
        strategy = strategy_status_set(
            strategy_id, Status.STOPPED, only_from={Status.STOPPING}
        )
        if strategy.status == Status.STOPPED:
            moved_resolve(strategy_id)


def _newest(strategy: Strategy) -> dict[str, int]:
    length = int(duration(strategy.config["timeframe"]).total_seconds() * 1000)
    now = int(timezone.now().timestamp() * 1000)
    return {
        pair: newest_of(int(stamp), length, now)
        for pair, stamp in strategy.health_metrics.get("last_candles", {}).items()
    }


def newest_of(stamp: int, length: int, now: int) -> int:
    """Return which candle of ``length`` was surely analysed, by its open. Pure; in ms.

    ``stamp`` is the open of the newest analysed one. It may be of a shorter timeframe
    that the strategy had before: the long candle around it was not analysed then. Nor
    was one that lies ahead, from before the clock was corrected.
    """
    if stamp % length == 0 and stamp + length <= now:
        return stamp
    known = min(stamp, now)
    return known - known % length - length


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

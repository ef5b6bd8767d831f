"""What the pages of strategies show of one strategy. Pure: rows in, values out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.utils.dateparse import parse_datetime

from btc_watcher.lib.timeframes import candle_seconds
from strategies.health_words import advice_text, level_text, muted_text, reason_text
from strategies.models import Strategy
from strategies.reason_words import reason_shown
from strategies.shown import ROUND_SECONDS, Shown, shown_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strategies.selectors import ListedStrategy

# As the health round counts it: three candles and a minute without a new one.
STALE_CANDLES: Final = 3
STALE_GRACE: Final = 60.0
NOT_RATED: Final = "none"
# The state says the same, with its reason.
SAID_BY_STATE: Final = frozenset({"error_state", "starting"})
# Half a score for a bot that has not begun yet says nothing to anybody.
UNRATED_WHILE: Final = frozenset({"starting"})
FINAL_STATES: Final = frozenset({"stopped", "error", "stopping"})


@dataclass(frozen=True, slots=True)
class ReasonShown:
    """Why a score is not a hundred: sentence, what to do (or nothing), points lost."""

    text: str
    advice: str
    cost: int
    muted: str = ""


@dataclass(frozen=True, slots=True)
class HealthShown:
    """The last health round. ``score`` is None when there is no rating.

    ``old`` tells that the rounds have stopped, so that it says nothing about now.
    """

    level: str
    label: str
    score: int | None
    reasons: tuple[ReasonShown, ...]
    checked_at: datetime | None
    old: bool
    muted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PairShown:
    """A pair with the close of its newest analysed candle."""

    name: str
    candle: datetime | None
    late: bool


@dataclass(frozen=True, slots=True)
class StrategyRow:
    """A strategy as its list and the head of its page show it.

    ``signals`` is None where nothing is counted, ``usual`` where nothing is known;
    ``uptime_s`` is None without a process, ``rss_mb`` and ``cpu_percent`` where nothing
    is measured.
    ``late`` tells that the newest candle is overdue while the bot should run.
    """

    id: int
    name: str
    type: str
    live: bool
    version: str
    exchange: str
    timeframe: str
    pairs: tuple[PairShown, ...]
    shown: Shown
    health: HealthShown
    signals: int | None
    usual: float | None
    candle: datetime | None
    late: bool
    freqtrade_version: str
    freqtrade_wanted: str
    bot_state: str
    rss_mb: float | None
    cpu_percent: float | None
    uptime_s: float | None
    errors: int

    @property
    def type_label(self) -> str:
        """The type in words."""
        return str(Strategy.Type(self.type).label)


def row_of(listed: ListedStrategy, now: datetime) -> StrategyRow:
    """Return how a strategy is shown at ``now``."""
    health = _of_this_process(listed)
    checked = moment_read(health.get("checked_at"))
    checked_age = (now - checked).total_seconds() if checked else None
    fresh = checked_age is not None and checked_age <= ROUND_SECONDS
    rated = health.get("level", NOT_RATED) != NOT_RATED
    pairs = pairs_shown(
        listed.pairs,
        listed.timeframe,
        listed.health_metrics.get("last_candles") or {},
        now,
        due=listed.status not in FINAL_STATES,
    )
    newest = max((p.candle for p in pairs if p.candle), default=None)
    measured = health if fresh and rated and listed.heartbeat else {}
    return StrategyRow(
        id=listed.id,
        name=listed.name,
        type=listed.type,
        live=listed.live,
        version=listed.version,
        exchange=listed.exchange,
        timeframe=listed.timeframe,
        pairs=pairs,
        shown=shown_state(
            listed.status,
            _age(listed.heartbeat, now),
            reason=reason_shown(listed.reason),
            health=_without_overtaken(health, newest),
            health_age_s=checked_age,
        ),
        health=health_shown(health, listed.health_metrics.get("alarms") or {}, now),
        signals=health.get("signals_24h") if rated else None,
        usual=health.get("usual_24h"),
        candle=newest,
        late=bool(pairs) and all(pair.late for pair in pairs),
        freqtrade_version=str(health.get("freqtrade_version") or ""),
        freqtrade_wanted=listed.freqtrade_version or "",
        bot_state=str(measured.get("bot_state") or ""),
        rss_mb=measured.get("rss_mb") or None,
        cpu_percent=measured.get("cpu_percent"),
        uptime_s=_age(listed.started, now),
        errors=int(measured.get("errors") or 0),
    )


def _of_this_process(listed: ListedStrategy) -> Mapping[str, Any]:
    """Return the last health round's finding, empty when it was about another process.

    A bot that has ended or was replaced since then is not as well as it was.
    """
    health = listed.health
    checked = moment_read(health.get("checked_at"))
    if checked is None or not health.get("uptime_s"):
        return health
    same = listed.started is not None and listed.started <= checked
    return health if same else {}


def _without_overtaken(
    health: Mapping[str, Any], newest: datetime | None
) -> Mapping[str, Any]:
    """Leave out that no candle was analysed, where one has been analysed since."""
    if newest is None:
        return health
    reasons = [
        found
        for found in health.get("reasons") or ()
        if found.get("code") != "no_candles"
    ]
    return {**health, "reasons": reasons}


def health_shown(
    health: Mapping[str, Any], alarms: Mapping[str, Any], now: datetime
) -> HealthShown:
    """Return a stored health round as pages show it."""
    level = str(health.get("level") or NOT_RATED)
    codes = {found.get("code") for found in health.get("reasons") or ()}
    if codes & UNRATED_WHILE:
        level = NOT_RATED
    checked = moment_read(health.get("checked_at"))
    old = checked is None or (now - checked).total_seconds() > ROUND_SECONDS
    reasons = tuple(
        ReasonShown(
            text=reason_text(found.get("code", ""), found.get("values") or {}),
            advice=advice_text(found.get("code", "")),
            cost=int(found.get("cost") or 0),
        )
        for found in health.get("reasons") or ()
        if found.get("code") not in SAID_BY_STATE
    )
    muted = dict.fromkeys(
        muted_text(str(state["muted_by"]))
        for state in alarms.values()
        if isinstance(state, dict) and state.get("muted_by")
    )
    return HealthShown(
        level=level,
        label=level_text(level),
        score=int(health.get("score") or 0) if level != NOT_RATED else None,
        reasons=reasons,
        checked_at=checked,
        old=old,
        muted=tuple(muted),
    )


def pairs_shown(
    pairs: Sequence[str],
    timeframe: str,
    last_candles: Mapping[str, Any],
    now: datetime,
    *,
    due: bool,
) -> tuple[PairShown, ...]:
    """Return the pairs with the close of their newest candle.

    ``last_candles`` holds open times in ms since 1970; ``due`` tells whether new
    candles are expected, without which nothing is late.
    """
    length = candle_seconds(timeframe)
    allowed = (length or 0) * STALE_CANDLES + STALE_GRACE
    shown = []
    for pair in pairs:
        opened = last_candles.get(pair)
        close = None
        if length is not None and isinstance(opened, int | float):
            start = datetime.fromtimestamp(opened / 1000, UTC)
            close = start + timedelta(seconds=length)
        overdue = close is None or (now - close).total_seconds() > allowed
        shown.append(PairShown(pair, close, late=due and overdue))
    return tuple(shown)


def moment_read(text: Any) -> datetime | None:
    """Return an aware moment from ISO 8601; None for anything else."""
    try:
        moment = parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _age(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else (now - moment).total_seconds()
